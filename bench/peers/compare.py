"""Measures Treaty beside SecretFlow SPU: the same workloads, in turns, each three processes on this machine."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SPU = "0.9.5"

# Treaty's name of each workload, and the rows that both are given.
WORKLOADS = {
    "mul": 10_000_000,
    "less-than": 1_000_000,
    "equal": 1_000_000,
    "matmul": 512,
    "divide": 1_000_000,
    "square-root": 1_000_000,
    "exp": 1_000_000,
    "sigmoid": 1_000_000,
    "mean-variance": 1_000_000,
    "logistic-regression": 10_000,
    "sort": 100_000,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="turns of each workload (default 3)")
    parser.add_argument("--only", default="", help="names of workloads, with commas between")
    parser.add_argument("--treaty", default=str(ROOT / "target" / "release" / "treaty"), help="the binary")
    parser.add_argument("--venv", default=str(ROOT / "target" / "peers-venv"), help="where SPU is installed")
    parser.add_argument("--json", default=str(ROOT / "target" / "peers.json"), help="where the figures go")
    arguments = parser.parse_args()
    wanted = [name for name in arguments.only.split(",") if name] or list(WORKLOADS)
    unknown = [name for name in wanted if name not in WORKLOADS]
    if unknown:
        sys.exit(f"no workload `{unknown[0]}`\n  there are: {', '.join(WORKLOADS)}")
    python = installed(pathlib.Path(arguments.venv))
    figures = []
    for name in wanted:
        turns = {"treaty": [], "spu": []}
        for _ in range(arguments.runs):
            turns["treaty"].append(treaty(arguments.treaty, name))
            turns["spu"].append(spu(python, name, WORKLOADS[name]))
        figures.append({"workload": name, "rows": WORKLOADS[name]} | {k: median(v) for k, v in turns.items()})
        print(line(figures[-1]), flush=True)
    versions = {"treaty": output([arguments.treaty, "--version"]).strip(), "spu": SPU, "python": sys.version.split()[0]}
    pathlib.Path(arguments.json).write_text(json.dumps({"versions": versions, "figures": figures}, indent=2) + "\n")
    print("\n" + ", ".join(f"{name} {version}" for name, version in versions.items()))


def installed(place):
    """The interpreter of an environment that has SPU."""
    python = place / "bin" / "python"
    if not python.exists():
        if sys.version_info[:2] != (3, 11):
            sys.exit("SPU 0.9.5 needs Python 3.11\n  try: python3.11 bench/peers/compare.py")
        venv.create(place, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", f"spu=={SPU}"], check=True)
    return str(python)


def treaty(binary, name):
    reports = json.loads(output([binary, "bench", "engine", name, "--runs", "1", "--json"]))
    report = next(report for report in reports if report["workload"] == name)
    return {"seconds": report["seconds"], "memory_bytes_max": report["memory_bytes_max"]}


def spu(python, name, rows):
    return json.loads(output([python, str(HERE / "spu_parties.py"), name, str(rows)]).splitlines()[-1])


def output(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"`{' '.join(command)}` failed:\n{done.stderr[-2000:]}")
    return done.stdout


def median(turns):
    seconds = [turn["seconds"] for turn in turns]
    memory = max(turn["memory_bytes_max"] for turn in turns)
    return {"seconds": statistics.median(seconds), "all_seconds": seconds, "memory_bytes_max": memory}


def line(figure):
    ours, theirs = figure["treaty"], figure["spu"]
    megabytes = [side["memory_bytes_max"] / 1e6 for side in (ours, theirs)]
    return (
        f"{figure['workload']:20} {figure['rows']:>10}  treaty {ours['seconds']:8.3f} s  spu {theirs['seconds']:8.3f} s"
        f"  ratio {theirs['seconds'] / ours['seconds']:6.2f}  memory {megabytes[0]:6.0f} / {megabytes[1]:6.0f} MB"
    )


if __name__ == "__main__":
    main()
