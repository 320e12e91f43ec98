"""Make north.csv, lake.csv and south.csv from the R package carData.

    apt-get download r-cran-cardata && dpkg-deb -x r-cran-cardata_*.deb cardata
    python3 split.py cardata/usr/lib/R/site-library/carData/data

Needs only Python's standard library: R stores the package's data sets as one file of zlib-compressed
objects (Rdata.rdb) with an index (Rdata.rdx), both in R's serialisation format, version 3 (R Internals, 1.8).
"""

import csv
import gzip
import hashlib
import pathlib
import struct
import sys
import zlib

COLUMNS = {
    "rank": "rank",
    "discipline": "discipline",
    "yrs.since.phd": "years_since_phd",
    "yrs.service": "years_service",
    "sex": "sex",
    "salary": "salary",
}
EMPLOYERS = {"north": 180, "lake": 130, "south": 87}


class Reader:
    """Reads the part of R's big-endian serialisation format that plain data frames use."""

    def __init__(self, data):
        self.data, self.at, self.references = data, 0, []
        if self.take(2) != b"X\n" or self.integer() != 3:
            raise ValueError("expected R serialisation format X, version 3")
        self.take(8)  # the R versions that wrote the file and that are needed to read it
        self.take(self.integer())  # native encoding

    def take(self, count):
        self.at += count
        return self.data[self.at - count : self.at]

    def integer(self):
        return struct.unpack(">i", self.take(4))[0]

    def value(self):
        """One object: a list for vectors, `Named` where names or levels matter."""
        flags = self.integer()
        kind, has_attributes, has_tag = flags & 0xFF, flags & 0x200, flags & 0x400
        if kind == 254:  # NULL
            return None
        if kind == 1:  # symbol
            self.references.append(self.value())
            return self.references[-1]
        if kind == 255:  # a symbol seen before
            return self.references[(flags >> 8) - 1]
        if kind == 2:  # pair list
            pairs = {}
            while kind == 2:
                if has_attributes:
                    self.value()
                tag = self.value() if has_tag else None
                pairs[tag] = self.value()
                flags = self.integer()
                kind, has_attributes, has_tag = flags & 0xFF, flags & 0x200, flags & 0x400
            return pairs
        if kind == 9:  # character string
            length = self.integer()
            return None if length == -1 else self.take(length).decode()
        length = self.integer()
        if kind in (10, 13):  # logical, integer
            items = list(struct.unpack(f">{length}i", self.take(4 * length)))
        elif kind == 14:  # double
            items = list(struct.unpack(f">{length}d", self.take(8 * length)))
        elif kind in (16, 19):  # strings, list
            items = [self.value() for _ in range(length)]
        else:
            raise ValueError(f"R object of kind {kind} is not part of a plain data frame")
        attributes = self.value() if has_attributes else {}
        if "levels" in attributes:
            return [attributes["levels"][item - 1] for item in items]
        if "names" in attributes:
            return dict(zip(attributes["names"], items))
        return items


def salaries(folder):
    """The data set's rows in their published order, each a tuple in the order of COLUMNS."""
    index = Reader(gzip.decompress((folder / "Rdata.rdx").read_bytes())).value()
    offset, length = index["variables"]["Salaries"]
    stored = (folder / "Rdata.rdb").read_bytes()[offset : offset + length]
    frame = Reader(zlib.decompress(stored[4:])).value()
    return list(zip(*(frame[name] for name in COLUMNS)))


def split(rows):
    """Row numbers (from 1) ordered by the SHA-256 of `treaty salaries N`, cut at the employers' sizes."""
    shuffled = sorted(
        range(1, len(rows) + 1),
        key=lambda number: hashlib.sha256(f"treaty salaries {number}".encode()).digest(),
    )
    start = 0
    for employer, size in EMPLOYERS.items():
        yield employer, [rows[number - 1] for number in sorted(shuffled[start : start + size])]
        start += size


def main():
    rows = salaries(pathlib.Path(sys.argv[1]))
    if len(rows) != sum(EMPLOYERS.values()):
        sys.exit(f"expected {sum(EMPLOYERS.values())} rows, found {len(rows)}")
    for employer, part in split(rows):
        path = pathlib.Path(__file__).with_name(f"{employer}.csv")
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS.values())
            writer.writerows(part)


if __name__ == "__main__":
    main()
