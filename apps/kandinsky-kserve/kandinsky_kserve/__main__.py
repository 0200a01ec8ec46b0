"""kandinsky-kserve: the model class under KServe's own ModelServer."""
from __future__ import annotations

import argparse
import os

import kserve
from kserve import model_server

from .failure import Failure, answer
from .local import LocalBackend
from .model import KandinskyModel
from .remote import RemoteBackend


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kandinsky-kserve", parents=[model_server.parser], conflict_handler="resolve",
                                     description="ruDALL-E Kandinsky as a KServe model")
    parser.add_argument("--model_name", default="kandinsky", help="in the routes")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--model_dir", default="/mnt/models", help="weights directory (default: %(default)s)")
    where.add_argument("--server", metavar="URL", help="have the kandinsky-server at this URL draw instead")
    parser.add_argument("--server_model", default="kandinsky", help="the model's name there")
    parser.add_argument("--server_token_file", help="file with the bearer token that it wants")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--queue", type=int, default=64, help="requests that may wait")
    parser.add_argument("--batch", type=int, default=8, help="pictures in one step")
    parser.add_argument("--timeout", type=float, default=300, help="deadline of a request in seconds")
    parser.add_argument("--max_images", type=int, default=64, help="pictures that a request may have drawn")
    return parser


def main() -> None:
    parser = _parser()
    options = parser.parse_args()
    if options.server:
        token = None
        if options.server_token_file:
            with open(os.fspath(options.server_token_file), encoding="utf-8") as file:
                token = file.readline().strip()
        backend = RemoteBackend(options.server, name=options.server_model, token=token, timeout=options.timeout)
    else:
        backend = LocalBackend(options.model_dir, queue=options.queue, batch=options.batch, timeout=options.timeout,
                               device=options.device, dtype=options.dtype, threads=options.threads)
    model = KandinskyModel(options.model_name, backend, max_images=options.max_images)
    try:
        model.load()
    except Exception as error:  # the binding's errors say which file, and what was expected
        parser.exit(1, f"kandinsky-kserve: {error}\n")
    model_server.app.add_exception_handler(Failure, answer)
    kserve.ModelServer(http_port=options.http_port, grpc_port=options.grpc_port, enable_grpc=options.enable_grpc).start([model])


if __name__ == "__main__":
    main()
