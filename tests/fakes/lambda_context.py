"""The part of Lambda's context object that the handlers read."""

from dataclasses import dataclass


@dataclass
class FakeContext:
    """An invocation that has ``milliseconds`` left."""

    milliseconds: int = 180_000
    function_name: str = "function"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:function"
    aws_request_id: str = "8f5a4b1e-request"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds
