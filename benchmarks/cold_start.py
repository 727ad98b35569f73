"""What the worker's cold start costs: `python -m benchmarks.cold_start` prints it and writes the results.

Each run is a fresh interpreter that sees boto3 and the built zip, nothing else, and is timed from its first import to
the first connection it opens: in processor time, because nothing is waited for until then and other processes do not
count. The programs take turns, so that whatever else the machine does hits all alike:

- bare: a handler that imports boto3, opens the same three clients, and gets one contact;
- powertools: the same, with Powertools' logger and metrics imported;
- worker: the worker's handler with one letter;
- worker_without_byte_code: the same, where the zip was built without Lambda's own version of Python at hand, so that
  each cold start compiles it.

Memory is the worker's after a batch of five accounts without contacts; the zip is measured as `sam` packs it.
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
DOCUMENT = ROOT / "docs" / "cold-start.md"

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
    letter = {"version": 1, "accountId": str(100000000000 + number), "reason": "backfill"}
    return {"messageId": str(number), "receiptHandle": str(number), "body": json.dumps(letter),
            "attributes": {"ApproximateReceiveCount": "1"}}
context = types.SimpleNamespace(function_name="worker", memory_limit_in_mb=256, aws_request_id="benchmark",
                                invoked_function_arn="arn", get_remaining_time_in_millis=lambda: 180_000)
answer = lambda_handler({"Records": [record(number) for number in range(LETTERS)]}, context)
assert answer == {"batchItemFailures": []}, answer
"""
_TELL_TIME = "\nsys.stderr.write(str(connected[0] - start))\n"
_TELL_MEMORY = "\nimport resource\nsys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))\n"

PROGRAMS = {
    "bare": _CLOCK + _BARE + _TELL_TIME,
    "powertools": _CLOCK + _POWERTOOLS + _BARE + _TELL_TIME,
    "worker": _CLOCK + _WORKER.replace("LETTERS", "1") + _TELL_TIME,
}
PROGRAMS["worker_without_byte_code"] = PROGRAMS["worker"]


@dataclass(frozen=True)
class Result:
    """Medians in seconds on this machine, which mean something only beside each other; sizes in bytes."""

    runs: int
    bare: float
    powertools: float
    worker: float
    worker_without_byte_code: float
    memory: int
    zip_size: int

    @property
    def ratio(self) -> float:
        """The worker's cold start, where a bare handler's is 1."""
        return self.worker / self.bare


def document(result: Result) -> str:
    """docs/cold-start.md."""
    rows = {
        "a handler that imports boto3 and creates the same three clients": result.bare,
        "the same, with Powertools' logger and metrics": result.powertools,
        "the worker": result.worker,
        "the worker, built without python3.13": result.worker_without_byte_code,
    }
    table = "\n".join(f"| {name} | {seconds / result.bare:.2f} |" for name, seconds in rows.items())
    return f"""# What a cold start costs

Processor time from the first import to the first call, as a multiple of a bare handler's. Median of {result.runs}
interleaved runs.

| cold start of | ratio |
|---|---:|
{table}

Memory after a batch of five accounts without contacts: {result.memory / 2**20:.0f} MiB. The worker's zip:
{result.zip_size / 10**6:.2f} MB.

Lambda does not store byte code. If `sam build` finds python3.13, the version of the runtime, it adds the byte code to
the zip; the runtime would ignore the byte code of any other version. Without it, each cold start compiles Powertools
and typing_extensions again. The worker works in both cases: cold starts are rare, and after one the worker runs for
minutes at the rate of the quota.

Measured by `python -m benchmarks.cold_start`; see [benchmarks/README.md](../benchmarks/README.md).
"""


def run(program: str, code: Path, url: str) -> float:
    """What the program tells of itself on stderr."""
    done = subprocess.run(  # noqa: S603
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
    return float(done.stderr)


def zip_size(code: Path) -> int:
    """Bytes of the folder as a zip."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(code.rglob("*")):
                archive.write(path, path.relative_to(code))
        return file.seek(0, os.SEEK_END)


def main() -> None:
    """Build, run, print and write."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, account_api(Scenario(5, 0, speed=1000)) as url:
        deploy.build(Path(folder))
        source = Path(folder) / "build" / "WorkerFunction"
        for path in source.rglob("__pycache__"):
            shutil.rmtree(path)
        # As the build does for Lambda, here for the interpreter that stands in for it.
        compiled = Path(shutil.copytree(source, Path(folder) / "compiled"))
        compiling = [str(RUNTIME), "-m", "compileall", "-q", "-x", "event_handler|utilities/[^j]", str(compiled)]
        subprocess.run(compiling, check=True)  # noqa: S603
        code = {name: source if name == "worker_without_byte_code" else compiled for name in PROGRAMS}
        times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        with console.status("cold starts"):
            for _ in range(RUNS):
                for name, program in PROGRAMS.items():
                    times[name].append(run(program, code[name], url))
        memory = run(_CLOCK + _WORKER.replace("LETTERS", "5") + _TELL_MEMORY, compiled, url)
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
