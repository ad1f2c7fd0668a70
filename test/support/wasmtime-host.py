"""Runs firmware and components in wasmtime, as test/support/wasmtime.ts asks: a list of jobs as JSON on standard input, a list of
results on standard output."""

import base64
import json
import os
import sys
import tempfile

import wasmtime
from wasmtime import component

FUEL = 10**11


def new_store(job):
    config = wasmtime.Config()
    config.consume_fuel = True
    store = wasmtime.Store(wasmtime.Engine(config))
    store.set_fuel(job.get("fuel", FUEL))
    return store


def wasi_config(job, display, uart):
    wasi = wasmtime.WasiConfig()
    wasi.argv = ["firmware", *job["args"]]
    if job.get("folder"):
        wasi.preopen_dir(job["folder"], "/flash", False)
    # Not functions of ours: wasmtime calls them in threads of its own, which do not end well with Python's interpreter.
    wasi.stdout_file = display
    wasi.stderr_file = uart
    return wasi


def run_module(job, store):
    linker = wasmtime.Linker(store.engine)
    linker.define_wasi()
    module = wasmtime.Module.from_file(store.engine, job["wasm"])
    linker.instantiate(store, module).exports(store)["_start"](store)


def run_command(job, store):
    linker = component.Linker(store.engine)
    linker.add_wasip2()
    command = component.Component.from_file(store.engine, job["wasm"])
    instance = linker.instantiate(store, command)
    exports = command.type.exports(store.engine)
    interface = instance.get_export_index(store, next(name for name in exports if name.startswith("wasi:cli/run@")))
    run = instance.get_func(store, instance.get_export_index(store, "run", interface))
    if run(store).tag != "ok":
        raise wasmtime.ExitTrap("the command failed")


def run_wasi(job, folder):
    display = job.get("display", os.path.join(folder, "display"))
    uart = os.path.join(folder, "uart")
    store = new_store(job)
    store.set_wasi(wasi_config(job, display, uart))
    result = {"exitCode": 0}
    try:
        (run_module if job["kind"] == "module" else run_command)(job, store)
    except wasmtime.ExitTrap as exit:
        result["exitCode"] = exit.code
    except (wasmtime.Trap, wasmtime.WasmtimeError) as trap:
        result["trap"] = str(trap)
    if "display" not in job:
        with open(display, "rb") as file:
            result["display"] = base64.b64encode(file.read()).decode()
    with open(uart, encoding="utf8") as file:
        result["uart"] = file.read()
    result["fuelUsed"] = job.get("fuel", FUEL) - store.get_fuel()
    return result


def plain(value):
    """A component's record, or any other value, for JSON."""
    return dict(vars(value)) if isinstance(value, component.Record) else value


def run_edge(job):
    """Gives an edge component what spikelet-edge.wit imports, and makes the calls that the job lists."""
    with open(job["model"], "rb") as file:
        flash = file.read()
    images = []
    costs = []

    # A result whose two sides differ in type is, in this API, the value of either; None is the side without one.
    def read(_store, offset, length):
        if offset + length > job.get("flashBytes", len(flash)):
            return None
        return flash[offset : offset + length]

    def show(_store, size, channels, pixels):
        if len(images) == job.get("displayImages", -1):
            return component.Variant("err")
        images.append({"size": size, "channels": channels, "pixels": base64.b64encode(bytes(pixels)).decode()})
        return component.Variant("ok")

    store = new_store(job)
    linker = component.Linker(store.engine)
    with linker.root() as root:
        for interface, functions in {
            "flash": {"size": lambda _store: len(flash), "read": read},
            "display": {"show": show},
            "clock": {"now": lambda store_: len(costs)},
            "meter": {"report": lambda _store, cost: costs.append(plain(cost))},
        }.items():
            with root.add_instance(f"spikelet:edge/{interface}@0.1.0") as instance:
                for name, function in functions.items():
                    instance.add_func(name, function)
    instance = linker.instantiate(store, component.Component.from_file(store.engine, job["wasm"]))
    generator = instance.get_export_index(store, "spikelet:edge/generator@0.1.0")
    results = []
    for name, *arguments in job["calls"]:
        function = instance.get_func(store, instance.get_export_index(store, name, generator))
        results.append(plain(function(store, *arguments)))
        function.post_return(store)
    return {"results": results, "images": images, "costs": costs}


with tempfile.TemporaryDirectory() as folder:
    jobs = json.load(sys.stdin)
    json.dump([run_edge(job) if job["kind"] == "edge" else run_wasi(job, folder) for job in jobs], sys.stdout)
