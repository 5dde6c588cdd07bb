"""The kernel of exact top-K is there, so that its tests are not passed over unseen."""

import shutil

import torch

from jobs.ranking.scan.library import library


def test_it_is_built_where_it_can_be_and_runs_where_it_can():
    compiler, vnni = shutil.which("c++") or shutil.which("g++"), torch.cpu.get_capabilities().get("avx512_vnni")
    assert library() is not None or not (compiler and vnni)
