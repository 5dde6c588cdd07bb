"""A first configuration from the files of a shop."""

import bz2
import gzip
import json
import shlex
import shutil
import tomllib
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.config.config import Config
from jobs.config.first.names import ITEM_NAMES
from jobs.config.first.write import write_first_config
from jobs.config.loader import load
from jobs.errors import ConfigError
from tests.other_user import as_nobody, only_root


def written(folder: Path, files: dict[str, str], day: date = date(2026, 2, 1)) -> Config:
    """What `daybreak init` writes for these files of text, loaded."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    write_first_config(folder)
    return load(folder / "daybreak.toml", day)


def test_the_guess_is_a_configuration_that_loads(tmp_path):
    (tmp_path / "products.csv").write_text("SKU;Name;Category Path;Price\nA;Mug;Home > Mugs;4.5\n")
    (tmp_path / "clicks.jsonl").write_text('{"user": 1, "sku": "A", "event": "view", "ts": 1700000000}\n')
    pl.DataFrame({"customer_id": [1], "sku": ["A"], "order_date": ["2024-01-01"], "qty": [2]}).write_parquet(
        tmp_path / "orders.parquet"
    )
    said = write_first_config(tmp_path)
    assert f"daybreak run --config {tmp_path / 'daybreak.toml'}" in said
    config = load(tmp_path / "daybreak.toml", date(2024, 2, 1))
    assert (config.items.item_id, config.items.title, config.items.category) == ("SKU", "Name", "Category Path")
    clicks, orders = config.events
    assert (clicks.user_id, clicks.type, clicks.time, clicks.time_format) == ("user", "event", "ts", "seconds")
    assert (orders.user_id, orders.type, orders.time, orders.value) == (
        "customer_id",
        "'purchase'",
        "order_date",
        "qty",
    )
    assert config.weights == {"view": 0.1, "purchase": 1.0}


def test_columns_that_were_not_used_are_shown(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,title,colour\n1,Mug,red\n")
    (tmp_path / "events.csv").write_text("user_id,item_id,time\n1,1,2024-01-01\n")
    write_first_config(tmp_path)
    text = (tmp_path / "daybreak.toml").read_text()
    assert "# not used: colour" in text
    assert tomllib.loads(text)["weights"] == {"purchase": 1.0}


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "daybreak.toml").write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        write_first_config(tmp_path)
    assert (tmp_path / "daybreak.toml").read_text() == "mine"


def test_a_header_may_hold_line_breaks_and_quotes(tmp_path):
    (tmp_path / "items.csv").write_text('sku,"product\nname","a\tlist ""of"" \'things\'"\nA1,Mug,1\n')
    (tmp_path / "events.csv").write_text("user_id,sku,timestamp\n1,A1,2026-01-05\n")
    write_first_config(tmp_path)
    assert load(tmp_path / "daybreak.toml", date(2026, 2, 1)).items.title == "product\nname"
    assert r"""# not used: 'a\tlist "of" \'things\''""" in (tmp_path / "daybreak.toml").read_text()


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@settings(deadline=None, max_examples=40)
@given(header=st.lists(NAMES, max_size=5, unique=True), kind=NAMES.filter(str.strip), folder=st.just("a shop"))
@example(header=["USERID"], kind="0", folder="a shop")
@example(header=["\r", "\x00\x1f", '"""', "# [x]", "ä\u2028"], kind='"\n', folder='"\\ [x]')
def test_the_file_is_toml_whatever_the_header_holds(tmp_path_factory, header, kind, folder):
    base = tmp_path_factory.getbasetemp() / "headers" / folder
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    rows = pl.DataFrame([["A1"], *[["x"]] * len(header)], schema=["sku", *(f"{name} " for name in header)])
    rows.write_parquet(base / "items.parquet")
    pl.DataFrame({"user_id": ["1"], "sku": ["A1"], "time": ["2026-01-05"], "type": [kind]}).write_parquet(
        base / "events.parquet"
    )
    write_first_config(base)
    config = load(base / "daybreak.toml", date(2026, 2, 1))
    assert (config.shop.name, list(config.weights)) == (folder, [kind.strip(" ")])
    sold = set() if len(config.items.files) == 1 and "items" in config.items.files[0] else {"time"}  # told by its sales
    assert {getattr(config.items, key) for key in ITEM_NAMES} <= {None, *rows.columns, *sold}


def test_what_the_name_of_a_file_tells_is_the_type_of_its_events(tmp_path):
    row = "user_id,item_id,created_at\n1,2,2026-01-01\n"
    files = {"clicks.csv": row, "orders.csv": row.replace("at\n", "at,qty\n").replace("01\n", "01,3\n")}
    files["reviews.csv"] = "item_id,title,rating,user_id\n2,good,5,1\n"
    config = written(tmp_path, files | {"items.csv": "item_id,name\n2,x\n", "users.csv": "user_id,name\n1,b\n"})
    assert [(table.files, table.type) for table in config.events] == [
        ("clicks.csv", "'click'"),
        ("orders.csv", "'purchase'"),
    ]
    text = (tmp_path / "daybreak.toml").read_text()
    assert "# These files lack a time" in text
    assert '# files = "reviews.csv"' in text
    assert config.weights == {"click": 0.2, "purchase": 1.0}


def test_files_of_one_kind_are_one_table_and_tomorrows_is_of_it(tmp_path):
    row = "user_id,item_id,time\n1,2,2026-01-01\n"
    files = {f"log/{day}.csv": row for day in ("2026-01-01", "2026-01-02")} | {"cart-20260101.csv": row}
    files |= {f"y/month={m}/part-{m}.csv": row.replace("time", "at") for m in range(3)}
    files |= {"a.csv": row.replace("time", "date"), "b [x].csv": row.replace("time", "date")}
    config = written(tmp_path, files | {"log/readme.md": "", "items.csv": "item_id,name\n2,x\n"})
    assert sorted(map(str, (table.files for table in config.events))) == [
        "['a.csv', 'b [x].csv']", "cart-*.csv", "log/*.csv", "y/*/part-*.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(("suffix", "packed"), [(".gz", gzip.compress), (".GZ", gzip.compress), (".bz2", bz2.compress)])
def test_compressed_files_are_found(tmp_path, suffix, packed):
    (tmp_path / f"events.csv{suffix}").write_bytes(packed(b"user_id,sku,timestamp\n1,A1,1767607200000\n"))
    events = written(tmp_path, {"items.csv": "sku,name\nA1,Mug\n"}).events[0]
    assert (events.files, events.time, events.time_format) == (f"events.csv{suffix}", "timestamp", "milliseconds")


def test_utf_16_is_read(tmp_path):
    (tmp_path / "events.csv").write_bytes("user_id,sku,time\n1,Ä1,2026-01-01\n".encode("utf-16"))
    (tmp_path / "items.csv").write_bytes("sku,name,größe\nÄ1,Krug,3\n".encode("utf-16"))
    config = written(tmp_path, {})
    assert (config.items.item_id, config.events[0].user_id) == ("sku", "user_id")
    assert "# not used: größe" in (tmp_path / "daybreak.toml").read_text(encoding="utf-8")


def test_every_type_of_event_gets_a_weight_however_late_it_comes(tmp_path):
    rows = ["1,2,2026-01-01,view"] * 25_000 + ["1,2,2026-01-01,purchase", "1,2,2026-01-02,refund"]
    files = {"events.csv": "user_id,item_id,time,event_type\n" + "\n".join(rows), "items.csv": "item_id,name\n2,x\n"}
    config = written(tmp_path, files)
    assert config.weights == {"view": 0.1, "purchase": 1.0}
    assert config.events[0].where == "trim(event_type) NOT IN ('refund')"


def test_returns_guests_and_cancelled_orders_are_found(tmp_path):
    rows = [
        f"{n},{'' if n % 3 else n % 5},{n % 7},1,2026-01-{n % 27 + 1:02},{'Storniert' if n == 8 else 'ok'}"
        for n in range(60)
    ]
    rows[9] = "9,4,2,-3,2026-01-09,ok"
    files = {"orders.csv": "order_no,user,item_id,qty,time,status\n" + "\n".join(rows)}
    files["items.csv"] = "item_id,name\n" + "\n".join(f"{n},x" for n in range(7))
    (tmp_path / "orders.csv").write_text(files["orders.csv"])
    (tmp_path / "items.csv").write_text(files["items.csv"])
    assert "orders.csv: left out: rows whose status is 'Storniert'" in write_first_config(tmp_path).splitlines()
    events = load(tmp_path / "daybreak.toml", date(2026, 2, 1)).events[0]
    assert (events.guests, events.order, events.returns) == ("basket", "order_no", "undo")
    assert events.where == "trim(coalesce(status, '')) NOT IN ('Storniert')"


def test_an_id_that_stands_for_nobody_is_a_guest(tmp_path):
    rows = [f"{n % 4 and n},{n % 7},2026-01-01" for n in range(60)]
    files = {"orders.csv": "user_id,item_id,time\n" + "\n".join(rows), "items.csv": "item_id,name\n1,x\n2,y\n"}
    events = written(tmp_path, files).events[0]
    assert (events.user_id, events.guests) == ("if(trim(user_id) IN ('0'), NULL, user_id)", "drop")


def test_where_nothing_is_found_an_example_is_written_that_loads(tmp_path):
    (tmp_path / "book.xlsx").write_bytes(b"PK")
    said = write_first_config(tmp_path)
    assert "found no file of items" in said
    assert "found no file of events" in said
    assert "book.xlsx: a file of Excel is not read; save each of its sheets as CSV UTF-8" in said
    config = load(tmp_path / "daybreak.toml", date(2026, 1, 1))
    assert (config.items.files, config.events[0].files) == ("products.csv", "events.csv")


def test_the_query_log_stands_there_as_a_comment_that_loads_without_its_marks(tmp_path):
    write_first_config(tmp_path)
    path = tmp_path / "daybreak.toml"
    before, mark, log = path.read_text().partition("# [[searches]]")
    assert mark
    path.write_text(before + (mark + log).replace("\n# ", "\n").removeprefix("# "))
    (found,) = load(path, date(2026, 1, 1)).searches
    assert (found.files, found.query, found.item_id) == ("searches.csv", "query", "clicked")


def test_items_alone_are_written_and_what_was_seen_is_said(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,title\n1,Mug\n")
    (tmp_path / "people.csv").write_text("mail,town\nx,y\n")
    said = write_first_config(tmp_path)
    assert "found no file of events (a user id, an item id, a time)" in said
    assert "people.csv: mail, town" in said
    assert load(tmp_path / "daybreak.toml", date(2026, 1, 1)).items.files == "items.csv"


def test_events_without_rows_are_read_by_their_header(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,title\n1,x\n")
    (tmp_path / "e.csv").write_text("user_id,item_id,event_type,time\n")
    assert "e.csv: has no rows yet" in write_first_config(tmp_path)
    config = load(tmp_path / "daybreak.toml", date(2026, 2, 1))
    assert config.weights == {"purchase": 1.0, "cart": 0.5, "view": 0.1}
    assert config.events[0].type == "event_type"


def test_times_in_the_future_are_told(tmp_path):
    day = date.today() + timedelta(days=9)
    (tmp_path / "items.csv").write_text("item_id,title\n1,x\n")
    (tmp_path / "e.csv").write_text(f"user_id,item_id,time\n1,1,{day}\n")
    assert f"e.csv: its newest time, {day}, is in the future" in write_first_config(tmp_path)


def test_what_is_printed_can_be_pasted(tmp_path):
    folder = tmp_path / "a shop's $files"
    folder.mkdir()
    said = write_first_config(folder)
    command = next(line for line in said.splitlines() if line.startswith("  daybreak"))
    assert shlex.split(command)[:4] == ["daybreak", "run", "--config", str(folder / "daybreak.toml")]


def test_a_line_of_json_that_is_none_and_a_damaged_file_stop_nothing(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"user_id,item_id\n" * 999)[:-9])
    files = {"items.jsonl": "nonsense\n" + json.dumps({"sku": "A", "name": "Mug", "tags": ["a"]})}
    config = written(tmp_path, files | {"e.csv": "user_id,sku,time\n1,A,2026-01-01\n"})
    assert (config.items.title, len(config.events)) == ("name", 1)


def test_a_file_without_a_line_of_names_is_told(tmp_path):
    (tmp_path / "u.csv").write_text("196,242,3,881250949\n186,302,3,891717742\n")
    assert "u.csv: passed over, for its first line is data" in write_first_config(tmp_path)


def test_articles_of_service_are_left_out_where_their_rows_are(tmp_path):
    orders = [f"{n},u{n % 9},{n % 40},{2 + n % 2},2026-01-{n % 27 + 1:02}" for n in range(400)]
    orders += [f"{n},u{n % 9},POST,{1 + n % 30},2026-01-02" for n in range(90)]
    orders += [f"{n},u{n % 9},FEE,{1 + n % 30},2026-01-02" for n in range(3)]
    goods = [f"{n},Jug {n}" for n in range(40)]
    files = {
        "items.csv": "sku,name\nPOST,Postage\n" + "\n".join(goods),
        "orders.csv": "order_no,user,sku,unit_price,date\n" + "\n".join(orders),
    }
    config = written(tmp_path, files)
    assert config.items.where == "trim(sku) NOT IN ('POST')"
    assert config.events[0].where == "trim(sku) NOT IN ('FEE')"  # no file of items has it
    text = (tmp_path / "daybreak.toml").read_text()
    assert "#   POST (Postage): in 22% of the baskets, its price goes from " in text


def test_orders_whose_users_stand_in_another_file_are_told(tmp_path):
    (tmp_path / "lines.csv").write_text("order_id,product_id,price\n1,2,3.5\n")
    (tmp_path / "orders.csv").write_text("order_id,customer_id,order_date\n1,7,2026-01-01\n")
    said = write_first_config(tmp_path)
    assert "lines.csv has the items of orders and orders.csv has customer_id: join them by order_id" in said


def test_links_to_files_and_to_folders_are_looked_at(tmp_path):
    """A shop may lie where nobody writes; a loop of links ends."""
    shop, links = tmp_path / "shop", tmp_path / "links"
    (shop / "day").mkdir(parents=True)
    links.mkdir()
    (shop / "day" / "a.csv").write_text("user_id,item_id,time\n1,2,2026-01-01\n")
    (shop / "items.csv").write_text("item_id,name\n2,x\n")
    (links / "items.csv").symlink_to(shop / "items.csv")
    (links / "days").symlink_to(shop / "day")
    (links / "again").symlink_to(tmp_path)
    config = written(links, {})
    assert (config.items.files, [table.files for table in config.events]) == ("items.csv", ["days/a.csv"])


@only_root
def test_a_folder_that_may_not_be_written_to_is_told_with_what_to_do(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # the folders above are root's alone
    told = as_nobody(lambda: write_first_config(Path()))
    assert "not writable: make links to its files in a folder where you may write, and name it" in told


@only_root
def test_a_folder_that_this_user_cannot_look_into_is_told(tmp_path, monkeypatch):
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut").chmod(0o700)
    tmp_path.chmod(0o777)
    monkeypatch.chdir(tmp_path)
    told = as_nobody(lambda: write_first_config(Path())).splitlines()
    assert "shut: not readable: Permission denied: give this user the right to read it" in told
