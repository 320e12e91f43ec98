"""Make city.csv, coast.csv and valley.parquet from the copy of the data in the scikit-learn wheel.

    pip download --no-deps scikit-learn && unzip scikit_learn-*.whl 'sklearn/datasets/data/*'
    pip install pyarrow
    python3 split.py sklearn/datasets/data/breast_cancer.csv
"""

import csv
import hashlib
import pathlib
import sys

import pyarrow
import pyarrow.parquet

MEASURES = [
    "mean_radius",
    "mean_texture",
    "mean_perimeter",
    "mean_area",
    "mean_smoothness",
    "mean_compactness",
    "mean_concavity",
    "mean_concave_points",
    "mean_symmetry",
    "mean_fractal_dimension",
]
COLUMNS = ["id", "diagnosis", *MEASURES]
DIAGNOSES = {"0": "malignant", "1": "benign"}
HOSPITALS = {"city": 240, "coast": 190, "valley": 139}


def patients(path):
    """The rows in their published order; every number stays the text that the file has."""
    with path.open(newline="") as file:
        reader = csv.reader(file)
        count, _, *names = next(reader)
        # The file codes a diagnosis by its position in the header's list.
        if names != list(DIAGNOSES.values()):
            sys.exit(f"expected the diagnoses {list(DIAGNOSES.values())}, found {names}")
        rows = [
            [str(number), DIAGNOSES[row[-1]], *row[: len(MEASURES)]]
            for number, row in enumerate(reader, start=1)
        ]
    if len(rows) != int(count) or len(rows) != sum(HOSPITALS.values()):
        sys.exit(f"expected {sum(HOSPITALS.values())} rows, found {len(rows)}")
    return rows


def split(rows):
    """Row numbers (from 1) ordered by the SHA-256 of `treaty hospitals N`, cut at the hospitals' sizes."""
    shuffled = sorted(
        range(1, len(rows) + 1),
        key=lambda number: hashlib.sha256(f"treaty hospitals {number}".encode()).digest(),
    )
    start = 0
    for hospital, size in HOSPITALS.items():
        yield hospital, [rows[number - 1] for number in sorted(shuffled[start : start + size])]
        start += size


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def write_parquet(path, rows):
    ids, diagnoses, *measures = zip(*rows)
    columns = [
        pyarrow.array([int(value) for value in ids], pyarrow.int64()),
        pyarrow.array(diagnoses, pyarrow.string()),
        *(pyarrow.array([float(value) for value in column], pyarrow.float64()) for column in measures),
    ]
    pyarrow.parquet.write_table(pyarrow.table(columns, names=COLUMNS), path, compression="snappy")


def main():
    here = pathlib.Path(__file__).parent
    for hospital, rows in split(patients(pathlib.Path(sys.argv[1]))):
        if hospital == "valley":
            write_parquet(here / "valley.parquet", rows)
        else:
            write_csv(here / f"{hospital}.csv", rows)


if __name__ == "__main__":
    main()
