"""Names that shops give their columns, and the keys of the configuration that they stand for."""

import re
from collections.abc import Iterable

from jobs.config.first.contents import plain

THING = (
    "(item|product|produkt|article|artikel|produit|articulo|producto|prodotto|movie|film|book|track|song|game|course|"
    "recipe|listing|offer|variant|goods|lineitem|sku|asin|stock|material|ware)"
)
PERSON = (
    "(user|customer|client|visitor|member|buyer|shopper|kunde|kunden|household|account|reviewer|profile|person|contact|"
    "cliente|utilisateur|acheteur|usuario|utente|subscriber|shopper|guest|bill|billing|ship|session|anonymous|device)"
)
CODE = "(id|ids|code|no|n|nr|num|number|nummer|numero|key|ref|reference|referenz|uid|uuid|pk|hash|idx|index)"
DEAL = (
    "(order|invoice|transaction|basket|receipt|purchase|sale|sales|bestell|bestellung|bestellungs|rechnung|rechnungs|"
    "auftrag|auftrags|beleg|bon|commande|facture|pedido|factura|ordine|checkout|ticket)"
)
MOMENT = "(timestamp|datetime|date|time|ts|at|on|datum|zeit|zeitpunkt)"

# For each key: patterns of names, the likeliest first. A name is in letters and digits alone, without accents.
ITEM_NAMES: dict[str, tuple[str, ...]] = {
    "item_id": (
        f"{THING}{CODE}|{CODE}{THING}",
        "reference|sku|variantsku|productsku|itemsku|artikelsku|asin|parentasin|ean|gtin|isbn|upc|barcode|mpn",
        THING,
        "handle|id|code|nr|nummer|uid",
    ),
    "title": (
        "title|titel|titre|titulo|titolo|name|nom|nombre|nome",
        "(product|item|article|artikel|produkt|prod|movie|film|book|track|song|display|lineitem|short)(name|title|titel|"
        "bezeichnung|label)|productdisplayname|(nom|nombre|nome)(produit|producto|prodotto)",
        "bezeichnung|label|libelle|product|item|artikel|produkt",
        "description|beschreibung|productdescription|itemdescription|designation|descripcion|descrizione",
    ),
    "description": (
        "description|longdescription|productdescription|itemdescription|beschreibung|langtext|detaildesc|descripcion|"
        "descrizione|descriptif",
        "shortdescription|kurzbeschreibung|bodyhtml|body|details|text|summary|features|overview|content|inhalt",
    ),
    "category": (
        "category|categories|categorypath|productcategory|productcategories|maincategory|itemcategory|kategorie|"
        "kategorien|produktkategorie|categorie|categoria|(product|item)?categoryname|(product|item)?categorycode|taxonomy|"
        "googleproductcategory",
        "genres?|department|departmentname|producttype|producttypename|producttypepath|type|typ|warengruppe|abteilung|"
        "section|productgroup|productgroupname|group|categoryid|class|classname|rayon|cat|aisle|collection",
    ),
    "brand": (
        "brand|brandname|marke|marque|marca|merk|productbrand",
        "manufacturer|manufacturername|hersteller|vendor|maker|make|label|publisher|artist|author|fabricant",
    ),
    "price": (
        "price|preis|prix|precio|prezzo|prijs|unitprice|saleprice|currentprice|variantprice|sellprice|sellingprice|"
        "verkaufspreis|vkpreis|vk|bruttopreis|einzelpreis|itemprice|productprice|finalprice",
        "regularprice|listprice|retailprice|originalprice|basisprice|baseprice|amount|priceusd|priceeur|pricegbp|uvp|msrp",
    ),
    "image": (
        "image|images|imageurl|imageurls|imagelink|imagesrc|imageurlhighres|mainimage|variantimage|productimage",
        "picture|pictureurl|thumbnail|thumbnailurl|img|imgurl|photo|photourl|bild|bildurl|foto",
    ),
    "in_stock": (
        "instock|isinstock|availability|available|isavailable|stockstatus|verfugbar|verfugbarkeit|lieferbar|disponible",
        "stock|stockquantity|stockqty|quantity|qty|inventory|inventoryquantity|inventoryqty|variantinventoryqty|onhand|"
        "bestand|lagerbestand|lager|quantityavailable|availablequantity|stocklevel",
    ),
    "group": (
        "(item|product|variant|variation|sku|article|artikel)?groupid|itemgroup|variantgroup|variationgroup|variantof|"
        "parent(id|sku|asin|code|item|itemid|product|productid|article|ref)?|(style|family|master|model)(id|code|sku|no|"
        "nr|number|productid)|masterproduct|configurablesku|basesku|baseproduct(id)?|stammartikel(nr|nummer)?|"
        "vaterartikel(nr|nummer)?|handle",
    ),
    "updated": ("updatedat|updated|lastmodified|lastupdated|modified|modifiedat|geandert|geandertam|changedat",),
}
EVENT_NAMES: dict[str, tuple[str, ...]] = {
    "user_id": (
        f"{PERSON}{CODE}|{CODE}{PERSON}|customeruser|hashedcustomerid|(user|visitor)pseudoid",
        "user|customer|visitor|client|member|kunde|cliente|buyer|reviewer|household|shopper|uid|membernumber",
        f"{PERSON}?(email|mail|emailaddress|emailadresse)",
        "(session|cookie|client|device|anonymous|browser|fullvisitor)id|fingerprint|sessionid",
    ),
    "item_id": ITEM_NAMES["item_id"][:3],
    "type": (
        "eventtype|eventname|event|interactiontype|interaction|actiontype|action|behaviou?rtype|behaviou?r|ereignis|aktion",
        "type|typ|activity|activitytype|verb|operation",
    ),
    "time": (
        f"timestamp|eventtime|eventtimestamp|{DEAL}{MOMENT}|{DEAL}timestamp|createdat|datetime|unixreviewtime",
        "time|date|datum|zeit|zeitpunkt|ts|created|occurredat|purchasedat|orderedat|fecha|data|horodatage|datecreated|"
        "tdat|date(de|of)?(la)?(commande|achat|compra|pedido|vente|order|sale)|bestelldatum|kaufdatum|rechnungsdatum|processedat|paidat|addedat|visitedat|viewedat|clickedat",
        f"(event|view|click|visit|session|review|rating|rated|server|local|utc|event|date|reviewed|watch){MOMENT}|"
        "day|tag|dia|jour|reviewtime",
    ),
    "value": (
        f"quantity|qty|menge|anzahl|stuck|stuckzahl|cantidad|quantite|quantita|aantal|{THING}(quantity|qty)|"
        f"(quantity|qty)(ordered|purchased|sold|invoiced)|{DEAL}(quantity|qty)|units|unitssold|pieces",
        f"{THING}?(rating|ratings|score|stars)|overall|rate|bewertung|note",
        "value|count|amount|weight|duration|dwelltime|wert|playcount|plays",
    ),
    "price": (
        f"unitprice|price|preis|prix|precio|prezzo|einzelpreis|stuckpreis|{THING}price|prixunitaire|preciounitario|prezzounitario|saleprice|priceperunit|"
        "unitcost|pricepaid|paidprice|saleprice|verkaufspreis",
        "paid|priceusd|priceeur",
    ),
    "discount": ("discount|rebate|rabatt|discountamount|lineitemdiscount|nachlass|remise|descuento|retaildisc",),
    "query": ("query|searchquery|searchterm|searchterms|keywords?|searchphrase|q|suchbegriff",),
    "order": (
        f"{DEAL}{CODE}|{DEAL}|incrementid|amazonorderid|{CODE}{DEAL}|orderid",
        f"{DEAL}name|transactionid|basketid|cartid",
    ),
    "status": (f"status|state|{DEAL}(status|state)|itemstatus|financialstatus|zustand|etat",),
}
LESS = re.compile(
    "removefromcart|removecart|unlike|dislike|unwishlist|cartremove|deletefromcart|refund(ed)?|returns?|returned|"
    "cancel(led|ed|lation)?|storno|retoure|erstattung|unsubscribe|remove.*"
)
"""Types that take something back, in plain letters."""
WEIGHTS: tuple[tuple[str, float], ...] = (
    ("purchased?|buy|bought|buys|transactions?|orders?|ordered|sale|sold|checkout|paid|payment|kauf|gekauft", 1.0),
    ("bestellung|achat|compra|conversion|ratings?|rated|reviews?|bewertung|placedorder|orderplaced|completed?", 1.0),
    ("carts?|addtocart|cartadd|tocart|baskets?|addtobasket|addcart|warenkorb|panier|carrito", 0.5),
    ("wishlist|addtowishlist|favou?rites?|fav|likes?|liked|save|saved|bookmark|merkliste|merkzettel|collect", 0.4),
    ("clicks?|clicked|klick|clickout|selectitem|play", 0.2),
    ("views?|viewed|pageviews?|pv|detail|detailview|productview|viewitem|itemview|ansicht|visit|browse|read", 0.1),
    ("impressions?|shown|scroll|hover|search", 0.02),
)
"""Types of events in plain letters, and what an event of such a type is worth."""
FILES: tuple[tuple[str, str], ...] = (
    ("rating|review|bewertung|score", "rating"),
    ("click|klick", "click"),
    ("view|visit|browse|pageview|ansicht|aufruf|impression", "view"),
    ("cart|warenkorb|panier|basket", "cart"),
    ("wishlist|wish|favou?rite|likes|merkliste", "wishlist"),
    ("order|purchase|transaction|sale|bestell|invoice|kauf|retail|commande|achat|pedido|rechnung|buys", "purchase"),
)
"""What the name of a file tells of the events in it."""


def candidates(names: Iterable[str], patterns: tuple[str, ...]) -> list[str]:
    """The columns whose names stand for a key, the likeliest first.

    A name may have its table before it, as `product.id` or `Lineitem sku`, or a part behind it, as `name.en`; whole
    names win.
    """
    whole = {name: plain(name) for name in names}
    found: list[str] = []
    for pattern in patterns:
        found += [name for name, text in whole.items() if name not in found and re.fullmatch(pattern, text)]
    for pattern in patterns:
        for name, text in whole.items():
            parts = {plain(re.split(r"[.:/\s]", name.strip(), maxsplit=1)[-1]), plain(name.split(".")[0])} - {text}
            if name not in found and any(re.fullmatch(pattern, part) for part in parts):
                found.append(name)
    return found


def weight_of(kind: str) -> float | None:
    """What an event of a type is worth, as far as its name tells."""
    text = plain(kind)
    return next((weight for pattern, weight in WEIGHTS if re.fullmatch(pattern, text)), None)


def takes_back(kind: str) -> bool:
    """Whether a type takes something back, by its name."""
    return LESS.fullmatch(plain(kind)) is not None


def type_of_file(names: Iterable[str]) -> str | None:
    """The type of the events in files of these names; None where the names do not tell."""
    text = " ".join(plain(name) for name in names)
    return next((kind for pattern, kind in FILES if re.search(pattern, text)), None)
