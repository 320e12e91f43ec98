"""Make harbour.csv, meadow.csv, summit.csv and telecom.csv. The same files on every machine:

    python3 generate.py

Nothing here was measured. Every number is drawn from SHA-256 of the text `treaty banks NAME N`, so that no library's
random numbers are needed.
"""

import csv
import hashlib
import pathlib

HERE = pathlib.Path(__file__).parent
LINES = 600
BANKS = {"harbour": 220, "meadow": 170, "summit": 140}
REGIONS = ["coast", "inland", "islands"]


def draw(name: str, number: int, below: int) -> int:
    """A number from 0 to below - 1."""
    digest = hashlib.sha256(f"treaty banks {name} {number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % below


def days_since_swap(line: int) -> int:
    """One line in four had its SIM card replaced in the last 30 days."""
    recent = draw("recent", line, 4) == 0
    return draw("days", line, 30) if recent else 31 + draw("days", line, 1500)


def subscribers():
    for line in range(LINES):
        plan = ["prepaid", "contract"][draw("plan", line, 2)]
        yield [line, plan, days_since_swap(line)]


def accounts(bank: str, rows: int):
    for number in range(rows):
        key = f"{bank} {number}"
        # One account in twelve has no telephone line; lines up to 649 include some of another company.
        line = "" if draw("none " + key, 0, 12) == 0 else draw("line " + key, 0, 650)
        region = REGIONS[min(draw("region " + key, 0, 20) // 9, 2)]
        recent = line != "" and line < LINES and days_since_swap(line) <= 30
        reported = draw("reported " + key, 0, 100) < (35 if recent else 4)
        loss = 5000 + draw("loss " + key, 0, 900_000) if reported else 0
        balance = draw("balance " + key, 0, 2_000_000)
        transfers = draw("transfers " + key, 0, 40)
        yield [line, region, transfers, cents(balance), cents(loss), str(reported).lower()]


def cents(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


def write(name: str, head: list, rows) -> None:
    with open(HERE / f"{name}.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


write("telecom", ["line", "plan", "days_since_swap"], subscribers())
for bank, rows in BANKS.items():
    head = ["line", "region", "transfers", "balance", "loss", "reported"]
    write(bank, head, accounts(bank, rows))
