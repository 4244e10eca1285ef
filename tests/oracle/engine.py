"""Runs the flashmoe executable as a user would: arguments in, JSON or files out."""

import json
import subprocess
from pathlib import Path

import numpy as np


class EngineFailure(RuntimeError):
    pass


class Engine:
    def __init__(self, command: list[str]):
        self.command = command

    def call(self, arguments: list[str]) -> str:
        done = subprocess.run(self.command + arguments, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise EngineFailure(f"flashmoe {' '.join(arguments)}\nexit {done.returncode}\n{done.stderr}")
        return done.stdout

    def synth(self, directory: Path, flags: dict) -> None:
        arguments = ["synth", str(directory), "--quiet"]
        for key, value in flags.items():
            if value is True:
                arguments.append(f"--{key}")
            elif value is not False:
                arguments += [f"--{key}", str(value)]
        self.call(arguments)

    def logits(self, directory: Path, tokens: list[int], output: Path, extra: list[str]) -> np.ndarray:
        """f32 [len(tokens), vocab]"""
        ids = ",".join(map(str, tokens))
        self.call(["eval", "logits", str(directory), "--token-ids", ids, "--output", str(output), "--quiet", *extra])
        return np.load(output)

    def greedy(self, directory: Path, tokens: list[int], count: int, extra: list[str]) -> list[int]:
        ids = ",".join(map(str, tokens))
        text = self.call(
            ["run", "--model", str(directory), "--token-ids", ids, "-n", str(count), "--temperature", "0", "--ignore-eos", "--json", *extra]
        )
        return json.loads(text)["tokens"]
