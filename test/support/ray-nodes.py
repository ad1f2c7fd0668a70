"""Runs a Ray script on two nodes of this machine, and kills one of them in the middle of its work.

Usage: ray-nodes.py SCRIPT FOLDER. The node is killed when FOLDER has files of two shards. Prints a line for each thing that happened.
"""

import os
import subprocess
import sys
import time

import ray
from ray.cluster_utils import Cluster

script, folder = sys.argv[1:]
STORE_BYTES = 100 * 1024 * 1024


def finished():
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sum(name.endswith(".tar") for name in names)


# The head only keeps the books: what is killed is one of two nodes that work.
cluster = Cluster(
    initialize_head=True,
    head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False},
)
nodes = [cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES) for _ in range(2)]
cluster.wait_for_nodes()
print("nodes", len(nodes), flush=True)

environment = {**os.environ, "RAY_ADDRESS": cluster.address}
driver = subprocess.Popen([sys.executable, script], env=environment)
deadline = time.monotonic() + 240
while finished() < 2 and driver.poll() is None and time.monotonic() < deadline:
    time.sleep(0.05)
print("files before the kill", finished(), flush=True)
cluster.remove_node(nodes[0], allow_graceful=False)
print("killed a node", flush=True)
status = driver.wait(timeout=400)
print("driver's status", status, flush=True)
cluster.shutdown()
sys.exit(status)
