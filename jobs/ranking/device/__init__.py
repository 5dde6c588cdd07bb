"""Exact top-K on a GPU: coarse products in bfloat16 choose candidates, float32 ranks them and proves the lists."""

from jobs.ranking.device.blocks import device_top_k
from jobs.ranking.device.items import DeviceItems

__all__ = ["DeviceItems", "device_top_k"]
