"""Verilog modules of `rtl/` on stimuli from numpy, cycle by cycle, in Icarus or Verilator."""

import subprocess
from pathlib import Path

import numpy as np

SOURCES = Path(__file__).parents[2] / "rtl"
ICARUS = ("iverilog -g2005 -o bench.vvp -y {sources} bench.v", "vvp -n bench.vvp +cycles={cycles}")
VERILATOR = (
    "verilator --binary --timing -O3 -Wno-fatal -Wno-lint -Wno-style -Mdir . -y {sources} bench.v",
    "./Vbench +cycles={cycles}",
)


def simulate(
    top: str,
    inputs: dict[str, tuple[int, np.ndarray]],
    outputs: dict[str, tuple[int, int]],
    folder: Path,
    sources: Path = SOURCES,
    simulator: tuple[str, str] = ICARUS,
    settled: int = 0,
    **parameters: int,
) -> dict[str, np.ndarray]:
    """Return the outputs of module `top` at the end of each cycle, by port.

    inputs: by port, the bits of an element and its values, (cycles,) or (cycles, elements), the
    first element in the port's lowest bits; outputs: by port, the bits of an element and the number
    of elements. Files go to `folder`, where a second run with the same ports and parameters, and a
    number of cycles with as many bits, finds the module compiled. VERILATOR takes a minute to
    compile an array, and pays from some ten thousand cycles on. An output of one bit that is
    unknown from cycle `settled` on raises AssertionError; in wider ones an unknown digit reads as
    E. RuntimeError: the simulator refuses the module.
    """
    folder.mkdir(parents=True, exist_ok=True)
    widths, packed = _pack(inputs)
    (folder / "stimuli.hex").write_text("".join(f"{row.tobytes().hex()}\n" for row in packed))
    clocked = "clk" in (sources / f"{top}.v").read_text()
    instance = _instance(top, widths, outputs, parameters, clocked)
    observed = {name: bits * number for name, (bits, number) in outputs.items()}
    compile_it, run_it = simulator
    bench, text = folder / "bench.v", _bench(instance, observed, *packed.shape)
    if not bench.exists() or bench.read_text() != text:
        bench.write_text(text)
        _call(compile_it.format(sources=sources.resolve()), folder)
    _call(run_it.format(cycles=len(packed)), folder)
    return _unpack((folder / "observed.hex").read_bytes(), outputs, len(packed), settled)


def _call(command: str, folder: Path) -> None:
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")


def _pack(inputs: dict[str, tuple[int, np.ndarray]]) -> tuple[dict[str, int], np.ndarray]:
    """Return the width of each port, and all ports in bytes, (cycles, bytes), highest first."""
    ports, widths = [], {}
    for name, (bits, values) in inputs.items():
        elements = np.asarray(values).astype("<u4").reshape(len(values), -1, 1)
        single = np.unpackbits(elements.view(np.uint8), axis=2, bitorder="little")[:, :, :bits]
        ports.append(single.reshape(len(values), -1))
        widths[name] = ports[-1].shape[1]
    joined = np.concatenate(ports, axis=1)
    padded = np.pad(joined, ((0, 0), (0, -joined.shape[1] % 8)))
    return widths, np.packbits(padded[:, ::-1], axis=1)


def _unpack(
    text: bytes, outputs: dict[str, tuple[int, int]], cycles: int, settled: int
) -> dict[str, np.ndarray]:
    """Return the values of the outputs, each of whole bytes, in a line of hex digits a cycle."""
    digits = np.frombuffer(text.lower(), np.uint8).reshape(cycles, -1)[:, :-1]
    unknown = digits == ord("x")
    known = np.where(unknown, np.uint8(ord("e")), digits).tobytes().decode()
    packed = np.frombuffer(bytes.fromhex(known), np.uint8).reshape(cycles, -1)
    values, place = {}, 0
    for name, (bits, number) in outputs.items():
        size = -(-bits * number // 8)
        flags = unknown[settled:, 2 * place : 2 * (place + size)].any(axis=1)
        assert bits > 1 or not flags.any(), f"{name} is unknown in cycle {settled + flags.argmax()}"
        single = np.unpackbits(packed[:, place : place + size], axis=1)[:, ::-1]
        single = single[:, : bits * number].reshape(cycles, number, bits)
        padded = np.pad(single, ((0, 0), (0, 0), (0, 32 - bits)))
        elements = np.packbits(padded, axis=2, bitorder="little").view("<u4")[:, :, 0]
        values[name] = elements[:, 0] if number == 1 else elements
        place += size
    return values


def _instance(
    top: str,
    inputs: dict[str, int],
    outputs: dict[str, tuple[int, int]],
    parameters: dict[str, int],
    clocked: bool,
) -> str:
    """Return the line that connects the module with stimulus, clock and outputs."""
    ports, low = [".clk(clk)"] if clocked else [], 0
    for name, bits in inputs.items():
        ports.append(f".{name}(stimulus[{low} +: {bits}])")
        low += bits
    ports += [f".{name}({name})" for name in outputs]
    values = ", ".join(f".{name}({value})" for name, value in parameters.items())
    return f"{top} {f'#({values}) ' if values else ''}unit ({', '.join(ports)});"


def _bench(instance: str, observed: dict[str, int], cycles: int, size: int) -> str:
    """Return a test bench: a line of stimuli, of `size` bytes, is applied, and a line of outputs
    written, in each cycle."""
    wires = "\n    ".join(f"wire [{bits - 1}:0] {name};" for name, bits in observed.items())
    bytes_of = ", ".join(
        f"{{{-bits % 8}'b0, {name}}}" if bits % 8 else name for name, bits in observed.items()
    )
    return f"""`timescale 1ns/1ps
module bench;
    reg [{8 * size - 1}:0] stimuli [0:{(1 << cycles.bit_length()) - 1}];
    reg [{8 * size - 1}:0] stimulus;
    reg clk = 0;
    integer cycle, cycles, observed;
    {wires}
    {instance}
    initial begin
        if (!$value$plusargs("cycles=%d", cycles)) $finish;
        $readmemh("stimuli.hex", stimuli, 0, cycles - 1);
        observed = $fopen("observed.hex", "w");
        for (cycle = 0; cycle < cycles; cycle = cycle + 1) begin
            stimulus = stimuli[cycle];
            #4 $fwrite(observed, "%h\\n", {{{bytes_of}}});
            #1 clk = 1;
            #5 clk = 0;
        end
        $fclose(observed);
        $finish;
    end
endmodule
"""
