"""What a serving process loads, and what importing the package does: nothing that can be helped."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from flask_mlmonitor import Baseline

HEAVY = (
    "boto3",
    "botocore",
    "pandas",
    "psycopg",
    "pyarrow",
    "scipy",
    "sklearn",
    "sqlalchemy.dialects.postgresql",
    "smtplib",
    "urllib3",
)

SERVE = """
import json, sys
from flask import Flask
from flask_mlmonitor import MLMonitor

folder, heavy = sys.argv[1], sys.argv[2].split()
app = Flask("shop", root_path=folder, instance_path=folder + "/instance")
monitor = MLMonitor(authorize=lambda request: True)

@app.post("/predict")
@monitor.prediction("fraud", baseline="baseline.json", fallback=lambda: {"prediction": 0})
def predict():
    return {"prediction": True, "probability": 0.75}

monitor.init_app(app)
client = app.test_client()
customer = {"age": 41, "income": 1200.5, "plan": "paid", "member": True}
answers = [client.post("/predict", json=body).status_code for body in (customer, [customer], {})]
with app.app_context():
    monitor.flush()
    monitor.record_ground_truth("a", True)
paths = ("/metrics", "/mlmonitor/health", "/mlmonitor/", "/mlmonitor/models/fraud/1")
answers += [client.get(path).status_code for path in (*paths, "/mlmonitor/api/models")]
print(json.dumps([answers, [name for name in heavy if name in sys.modules]]))
"""

IMPORT = """
import json, sys, threading
import flask

done = []

def watch(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & 0o3:
        done.append([event, str(arguments[0])])
    elif event in ("os.mkdir", "os.rename", "os.remove", "socket.connect", "subprocess.Popen"):
        done.append([event, str(arguments[0])])

sys.addaudithook(watch)
import flask_mlmonitor
import flask_mlmonitor.cli
heavy = [name for name in sys.argv[1].split() if name in sys.modules]
print(json.dumps([done, heavy, threading.active_count()]))
"""


def run(script: str, *arguments: str, folder: Path) -> Any:
    """Run a script in a fresh interpreter and return what it printed, as JSON."""
    command = [sys.executable, "-B", "-W", "error", "-c", script, *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_serving_process_stays_light(tmp_path: Path, baseline: Baseline) -> None:
    """An app with a baseline that answers, drains and is scraped loads no more than it needs."""
    baseline.save(tmp_path / "baseline.json")
    answers, loaded = run(SERVE, str(tmp_path), " ".join(HEAVY), folder=tmp_path)

    assert answers == [200] * 8
    assert loaded == []


def test_importing_does_nothing(tmp_path: Path) -> None:
    """No file, no folder, no socket, no process, no thread."""
    done, loaded, threads = run(IMPORT, " ".join(HEAVY), folder=tmp_path)

    assert (done, loaded, threads) == ([], [], 1)
    assert list(tmp_path.iterdir()) == []
