# SPDX-License-Identifier: Apache-2.0
"""Inbound webhooks as the services' own libraries sign and judge them (tests/node/hooks.mjs)."""
import json
import pathlib
import shutil
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "node"


def missing():
    """Why there are none, or nothing."""
    if shutil.which("node") is None:
        return "node is not installed (tests/deps.sh test installs it)"
    if not (FOLDER / "node_modules").is_dir():
        return "tests/node has no packages (tests/deps.sh test installs them)"
    return ""


class Signers:
    def __init__(self):
        self.process = subprocess.Popen(
            ["node", str(FOLDER / "hooks.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=FOLDER,
            text=True,
        )

    def ask(self, **ask):
        self.process.stdin.write(json.dumps(ask) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if isinstance(answer, dict) and ":error" in answer:
            raise AssertionError(answer[":error"])
        return answer

    def sign(self, scheme, secret, body, **more):
        return self.ask(do="sign", scheme=scheme, secret=secret, body=body, **more)

    def judge(self, scheme, secret, body, headers, **more):
        return self.ask(
            do="judge", scheme=scheme, secret=secret, body=body, headers=headers, **more
        )

    def close(self):
        self.process.stdin.close()
        self.process.wait()
