"""What the worker's cold start costs: `python -m benchmarks.cold_start` prints it and writes the results.

Each run is a new interpreter with boto3 and the built zip, and nothing else. It is timed from its first import to its
first connection, in processor time: nothing waits until then, and other processes do not count. The programs take
turns, so that other load on the machine affects all of them:

- bare: a handler that imports boto3, creates the same three clients, and gets one contact;
- powertools: the same, with Powertools' logger and metrics;
- worker: the worker's handler with one message;
- worker_without_bytecode: the same with a zip that was built without Lambda's own Python version, so that each cold
  start compiles it.

The memory is that of the worker after a batch of five accounts without contacts. The zip is compressed as `sam` does.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.candidates.common import Task
from benchmarks.candidates.worker import environment
from benchmarks.pace import Scenario, account_api
from emulation import deploy
from emulation.settings import ROOT, RUNTIME

RUNS = 30
RESULTS = ROOT / "benchmarks" / "results" / "cold_start.json"
DOCUMENT = ROOT / "benchmarks" / "cold-start.md"

_CLOCK = """
import sys, time
connected = []
sys.addaudithook(lambda event, _: connected.append(time.process_time()) if event == "socket.connect" else None)
start = time.process_time()
"""
_BARE = """
import os
import boto3
from botocore.config import Config
config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1, "mode": "standard"})
account, organizations, sqs = (boto3.client(name, config=config) for name in ("account", "organizations", "sqs"))
def handler(event, context):
    return account.get_alternate_contact(AccountId="100000000000", AlternateContactType="BILLING")
try:
    handler({}, None)
except account.exceptions.ResourceNotFoundException:
    pass
"""
_POWERTOOLS = """
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric
logger = Logger(service="bare")
"""
_WORKER = """
import json, types
from alternate_contacts.worker.handler import lambda_handler
def record(number):
    body = json.dumps({"version": 1, "accountId": str(100000000000 + number), "trigger": "backfill"})
    return {"messageId": str(number), "receiptHandle": str(number), "body": body,
            "attributes": {"ApproximateReceiveCount": "1"}}
context = types.SimpleNamespace(function_name="worker", memory_limit_in_mb=256, aws_request_id="benchmark",
                                invoked_function_arn="arn", get_remaining_time_in_millis=lambda: 180_000)
response = lambda_handler({"Records": [record(number) for number in range(MESSAGES)]}, context)
assert response == {"batchItemFailures": []}, response
"""
_PRINT_TIME = "\nsys.stderr.write(str(connected[0] - start))\n"
_PRINT_MEMORY = "\nimport resource\nsys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))\n"

PROGRAMS = {
    "bare": _CLOCK + _BARE + _PRINT_TIME,
    "powertools": _CLOCK + _POWERTOOLS + _BARE + _PRINT_TIME,
    "worker": _CLOCK + _WORKER.replace("MESSAGES", "1") + _PRINT_TIME,
}
PROGRAMS["worker_without_bytecode"] = PROGRAMS["worker"]


@dataclass(frozen=True)
class Result:
    """Medians in seconds on this machine, to compare only with each other; sizes in bytes."""

    runs: int
    bare: float
    powertools: float
    worker: float
    worker_without_bytecode: float
    memory: int
    zip_size: int

    @property
    def ratio(self) -> float:
        """The worker's cold start in relation to that of the bare handler."""
        return self.worker / self.bare


def document(result: Result) -> str:
    """Return benchmarks/cold-start.md."""
    rows = {
        "a handler that imports boto3 and creates the same three clients": result.bare,
        "the same, with Powertools' logger and metrics": result.powertools,
        "the worker": result.worker,
        "the worker, built without python3.13": result.worker_without_bytecode,
    }
    table = "\n".join(f"| {name} | {seconds / result.bare:.2f} |" for name, seconds in rows.items())
    return f"""# What a cold start costs

Processor time from the first import to the first call, in relation to that of a bare handler. Each value is the median
of {result.runs} interleaved runs.

| cold start of | ratio |
|---|---:|
{table}

Memory after a batch of five accounts without contacts: {result.memory / 2**20:.0f} MiB. Size of the worker's zip:
{result.zip_size / 10**6:.2f} MB.

Lambda does not keep bytecode between cold starts. If python3.13, the runtime's version, is installed, `sam build` adds
bytecode to the zip; the runtime would ignore the bytecode of another version. Without bytecode each cold start compiles
Powertools and typing_extensions. The worker works without it, too: a cold start is rare, and minutes of work at the
pace of the quota follow it.

Measured by `python -m benchmarks.cold_start`; see [README.md](README.md).
"""


def run(program: str, code: Path, url: str) -> float:
    """Return the number that the program prints on stderr."""
    process = subprocess.run(  # noqa: S603
        [str(RUNTIME), "-c", f"import sys; sys.path.insert(0, {str(code)!r})\n{program}"],
        env=environment(Task(url, (), 1.0))
        | {
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(process.stderr)


def zip_size(code: Path) -> int:
    """Return the size in bytes of the folder as a zip."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(code.rglob("*")):
                archive.write(path, path.relative_to(code))
        return file.seek(0, os.SEEK_END)


def main() -> None:
    """Build and run the programs. Print and write the results."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, account_api(Scenario(5, 0, speed=1000)) as url:
        deploy.build(Path(folder))
        source = Path(folder) / "build" / "WorkerFunction"
        for path in source.rglob("__pycache__"):
            shutil.rmtree(path)
        # As src/Makefile does for Lambda, here for the interpreter that replaces Lambda's.
        compiled = Path(shutil.copytree(source, Path(folder) / "compiled"))
        compiling = [str(RUNTIME), "-m", "compileall", "-q", "-x", "event_handler|utilities/[^j]", str(compiled)]
        subprocess.run(compiling, check=True)  # noqa: S603
        code = {name: source if name == "worker_without_bytecode" else compiled for name in PROGRAMS}
        times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        with console.status("cold starts"):
            for _ in range(RUNS):
                for name, program in PROGRAMS.items():
                    times[name].append(run(program, code[name], url))
        memory = run(_CLOCK + _WORKER.replace("MESSAGES", "5") + _PRINT_MEMORY, compiled, url)
        size = zip_size(compiled)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB on Linux
    medians = {name: round(statistics.median(each), 4) for name, each in times.items()}
    result = Result(runs=RUNS, memory=int(memory * unit), zip_size=size, **medians)
    console.print(asdict(result) | {"ratio": round(result.ratio, 3)})
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(asdict(result), indent=1) + "\n")
    DOCUMENT.write_text(document(result))


if __name__ == "__main__":
    main()
