"""What each claim is worth here: the table of the README, measured. Outside the trial.

python measure.py [seeds]
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BOTH = {"SCALED": "True", "MOMENTUM": "0.9"}
ROWS: tuple[dict[str, str], ...] = (
    {},
    {"SCALED": "True"},
    {"MOMENTUM": "0.9"},
    {"BATCH": "16"},
    {"SMOOTHING": "0.1"},
    {"WEIGHT_DECAY": "0.005"},
    {"AVERAGED": "True"},
    BOTH,
    BOTH | {"AVERAGED": "True"},
    BOTH | {"AVERAGED": "True", "SMOOTHING": "0.1"},
)


def loss(folder: Path, seed: int) -> float:
    command = [sys.executable, "train.py", "--seed", str(seed)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return float(done.stdout.rsplit("val_loss:", 1)[1].split()[0])


def main(seeds: int) -> None:
    source = (HERE / "train.py").read_text()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(HERE / "prepare.py", folder)
        for changes in ROWS:
            text = source
            for constant, value in changes.items():
                text = re.sub(rf"^{constant} = \S+", f"{constant} = {value}", text, flags=re.MULTILINE)
            (folder / "train.py").write_text(text)
            found = [loss(folder, seed) for seed in range(1, seeds + 1)]
            words = ", ".join(f"{constant} = {value}" for constant, value in changes.items()) or "none"
            print(f"{words:60} {statistics.mean(found):.3f} ± {statistics.pstdev(found):.3f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
