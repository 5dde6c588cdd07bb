"""The first configuration, of exports as shops' programs write them: every column is found."""

import pytest

from tests.jobs.config.first.test_write import written

SHOPS = {
    "one table of orders": (
        {
            "shop export.csv": "Receipt,ArticleCode,Description,Qty,ReceiptDate,Price,CustomerNumber,Country\n"
            "9,77,a jug,2,2025-02-03 10:00,2.5,5,FR\n"
        },
        {"item_id": "ArticleCode", "title": "Description", "updated": "ReceiptDate", "price": None},
        [
            {
                "user_id": "CustomerNumber",
                "item_id": "ArticleCode",
                "time": "ReceiptDate",
                "value": "Qty",
                "price": "Price",
                "order": "Receipt",
                "type": "'purchase'",
            }
        ],
    ),
    "a shop system with variants": (
        {
            "orders_export.csv": "Name,Email,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku\n"
            "#7,x@y.z,2025-03-01 10:00:00 +0200,1,Jug,3.5,JUG\n",
            "products_export.csv": "Handle,Title,Body (HTML),Vendor,Type,Variant SKU,Variant Price\n"
            "j,Jug,,Me,Pots,JUG,3.5\n",
        },
        {
            "item_id": "Variant SKU",
            "title": "Title",
            "description": "Body (HTML)",
            "brand": "Vendor",
            "category": "Type",
            "price": "Variant Price",
        },
        [
            {
                "user_id": "Email",
                "item_id": "Lineitem sku",
                "time": "Created at",
                "order": "Name",
                "time_format": "yyyy-MM-dd HH:mm:ss[.SSSSSS] Z",
                "value": "Lineitem quantity",
                "price": "Lineitem price",
            }
        ],
    ),
    "ids by what the orders have": (
        {
            "order list.csv": "order_id,order_date,customer_user,product_sku,product_qty\n"
            "1,2025-03-01 10:00:00,4,JUG,1\n",
            "catalogue.csv": "ID,SKU,Name,Regular price,Categories,In stock?\n8,JUG,Jug,2.5,Home > Pots,1\n",
        },
        {
            "item_id": "SKU",
            "title": "Name",
            "price": "Regular price",
            "category": "Categories",
            "in_stock": "In stock?",
        },
        [{"user_id": "customer_user", "item_id": "product_sku", "time": "order_date", "value": "product_qty"}],
    ),
    "stock as a number": (
        {
            "sales.csv": "increment_id,customer_email,created_at,sku,qty_ordered\n1,a@b,2025-01-01 10:00:00,JUG,1\n",
            "catalog.csv": "sku,name,price,qty\nJUG,Jug,2.5,3\n",
        },
        {"item_id": "sku", "in_stock": "double(qty) > 0"},
        [{"user_id": "customer_email", "item_id": "sku", "time": "created_at", "order": "increment_id"}],
    ),
    "films and ratings": (
        {
            "ratings.csv": "userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n",
            "movies.csv": "movieId,title,genres\n2,Metropolis (1927),Drama|Sci-Fi\n",
        },
        {"item_id": "movieId", "category": "genres", "category_separator": "|"},
        [{"user_id": "userId", "item_id": "movieId", "value": "rating", "time_format": "seconds", "type": "'rating'"}],
    ),
    "German": (
        {
            "artikel.csv": "Artikelnummer;Bezeichnung;Preis;Lagerbestand\nA1;Krug;2,50;4\n",
            "bestellungen.csv": "Kundennummer;Artikelnummer;Bestelldatum;Menge\n001;A1;31.12.2025 10:00;2\n",
        },
        {
            "title": "Bezeichnung",
            "price": "replace(regexp_replace(Preis, '[^0-9,-]', ''), ',', '.')",
            "in_stock": "double(Lagerbestand) > 0",
        },
        [{"user_id": "Kundennummer", "time": "Bestelldatum", "time_format": "d.M.yyyy H:mm", "value": "Menge"}],
    ),
    "articles and transactions": (
        {
            "articles.csv": "article_id,product_code,prod_name,product_type_name\n0663,066,Shirt,Top\n",
            "transactions.csv": "t_dat,customer_id,article_id,price\n2025-09-01,0001,0663,0.05\n",
        },
        {"item_id": "article_id", "title": "prod_name", "category": "product_type_name"},
        [{"user_id": "customer_id", "item_id": "article_id", "time": "t_dat", "price": "price"}],
    ),
    "parents of variants": (
        {"meta.csv": "parent_asin,title\nB00,x\n", "r.csv": "user_id,asin,rating,timestamp\n1,B00,5,1112486027123\n"},
        {"item_id": "parent_asin"},
        [{"item_id": "asin", "time_format": "milliseconds", "type": "'rating'"}],
    ),
    "objects in objects": (
        {
            "items.json": '[{"id": 7, "name": {"en": "Jug"}, "price": {"value": 2.5}}]',
            "log/a.jsonl": '{"user": {"id": 1}, "product": {"id": 7}, "event": "view", "at": 1700000000}\n',
        },
        {"item_id": "id", "title": "name.en"},
        [{"user_id": "user.id", "item_id": "product.id", "type": "event"}],
    ),
    "names that tell nothing": (
        {
            "things.csv": "sku,name\n" + "".join(f"Z{n},Jug {n}\n" for n in range(9)),
            "x.csv": "a,b,c\n" + "".join(f"p{n % 4},Z{n % 9},{n % 28 + 1}/2/2025 8:0{n % 10}\n" for n in range(60)),
        },
        {"item_id": "sku"},
        [{"user_id": "a", "item_id": "b", "time": "c", "time_format": "d/M/yyyy H:mm"}],
    ),
}


@pytest.mark.parametrize("kind", SHOPS)
def test_the_columns_of_exports_are_found(tmp_path, kind):
    files, items, events = SHOPS[kind]
    config = written(tmp_path, files)
    assert {key: getattr(config.items, key) for key in items} == items
    assert [{key: getattr(table, key) for key in want} for table, want in zip(config.events, events, strict=True)] == (
        events
    )
