"""PyTorch on the geometric Jacobian of an arm: closed form and automatic, plain and compiled, against jacrow's.

usage: arm.py FOLDER THREADS LINKS   (FOLDER holds Q.npy, Z.npy; LINKS is JSON); prints one JSON object a line.
"""

import json
import sys
import time

import numpy as np
import torch

folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
Q, Z = torch.from_numpy(np.load(f"{folder}/Q.npy")), np.load(f"{folder}/Z.npy")
links = json.loads(sys.argv[3])
kind = {"dtype": Q.dtype}


def frames(q):
    """Axes and origins of the joints, and the end, for configurations (…, 7)."""
    lead = q.shape[:-1]
    x, y, z = (torch.eye(3, **kind)[axis].expand(*lead, 3) for axis in range(3))
    end = torch.zeros(3, **kind).expand(*lead, 3)
    axes, origins = [], []
    for joint, link in enumerate(links):
        axes.append(z)
        origins.append(end)
        c, s = torch.cos(q[..., joint, None]), torch.sin(q[..., joint, None])
        end = end + link["d"] * z
        along = y * c - x * s
        x = x * c + y * s
        if link["turn"] == 0:
            y = along
        else:
            y, z = link["turn"] * z, -link["turn"] * along
    return torch.stack(axes, -2), torch.stack(origins, -2), end


def closed(q):
    axes, origins, end = frames(q)
    linear = torch.linalg.cross(axes, end[..., None, :] - origins)
    return torch.cat([linear, axes], -1).transpose(-1, -2)


def automatic(q):
    linear = torch.func.vmap(torch.func.jacrev(lambda one: frames(one)[2]))(q)
    return torch.cat([linear, frames(q)[0].transpose(-1, -2)], -2)


def measure(subject, call):
    start = time.perf_counter()
    result = call(Q)
    first = time.perf_counter() - start
    error = float(np.abs(result.detach().numpy() - Z).max() / np.abs(Z).max())
    times, end = [], time.perf_counter() + 0.5
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 2000):
        start = time.perf_counter()
        call(Q)
        times.append(time.perf_counter() - start)
    times = sorted(times[len(times) // 10:])
    print(json.dumps({"subject": subject, "ms": times[len(times) // 2] * 1e3, "min_ms": times[0] * 1e3, "first_call_ms": first * 1e3, "error": error}), flush=True)


for name, call in (
    ("torch closed form", closed),
    ("torch vmap(jacrev)", automatic),
    ("torch.compile closed", torch.compile(closed)),
    ("torch.compile vmap(jacrev)", torch.compile(automatic)),
):
    try:
        with torch.no_grad() if "closed" in name else torch.enable_grad():
            measure(name, call)
    except Exception as problem:
        print(json.dumps({"missing": f"{name}: {str(problem).splitlines()[0][:120]}"}), flush=True)
