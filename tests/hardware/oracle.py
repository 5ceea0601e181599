"""The hardware model once more, written down naively: one operation, one decode step at a time.

Follows the published program's rules and the definitions of the assumptions, shares no code with
mugi.hardware but the table of technology constants. Slow; for tests.
"""

from functools import lru_cache
from math import ceil, floor, log2

from mugi.hardware.technology import technology

TECH = technology().model_dump()
MODELS = {  # dim, layers, heads, kv heads, ffn
    "llama_2_7b": (4096, 32, 32, 32, 11008),
    "llama_2_13b": (5120, 40, 40, 40, 13824),
    "llama_2_70b": (8192, 80, 64, 64, 28672),
    "llama_2_70b_GQA": (8192, 80, 64, 8, 28672),
}
WIDTHS = {  # i, w, o bits of a word
    **{("mugi", h): (128, 128, 128) for h in (64,)},
    ("mugi", 128): (128, 128, 256),
    ("mugi", 256): (128, 256, 512),
    **{("carat", h): (128, 128, 128) for h in (64, 128)},
    ("carat", 256): (128, 256, 256),
    **{(d, 8): (128,) * 3 for d in ("systolic", "simd")},
    **{(d, 16): (256,) * 3 for d in ("systolic", "simd")},
    **{(d, h): (1024,) * 3 for d in ("systolic", "simd") for h in (32, 64)},
    ("tensor", 8): (2048,) * 3,
}
BROADCAST = {64: (0, 1), 128: (2, 3), 256: (4, 5)}  # Mugi: R_b, b_h
GROUP = {
    "proj_q": "projection",
    "proj_a": "projection",
    "proj_k": "projection",
    "proj_v": "projection",
    "qkt": "attention",
    "av": "attention",
    "up": "ffn",
    "gate": "ffn",
    "down": "ffn",
    "output": "output",
    "softmax": "softmax",
    "silu": "silu",
}


def cls(size, tile):
    t = min(size, tile)
    rest = size % t
    return [(t, size // t)] + ([(rest, 1)] if rest else [])


def tiles(size, tile):
    return sum(c for _, c in cls(size, tile))


class Oracle:
    def __init__(self, run, a):
        self.a, self.run = a, run
        self.d, self.v, h = run["design"], run["variant"], run["array_height"]
        self.R, self.Q = run["noc_rows"], run["noc_cols"]
        self.P = self.R * self.Q
        self.h = h
        self.vlp = self.d in ("mugi", "carat")
        self.H, self.W = (16, 8) if self.d == "tensor" else (h, 8 if self.vlp else h)
        self.L = 128 if self.d == "tensor" else h
        self.w = dict(zip("iwo", WIDTHS[self.d, h], strict=True))
        big = self.d == "tensor" or (self.d in ("systolic", "simd") and h >= 32)
        bank = 2**20 if big else 2**17
        self.depth = {c: bank // x for c, x in self.w.items()}
        self.macros = 1
        self.eff_depth = dict(self.depth)
        if big and a["sram_capacity"] != "configured":
            self.eff_depth = {c: 2 * x for c, x in self.depth.items()}
            if a["sram_capacity"] == "two_macros":
                self.macros = 2
            else:
                self.depth = dict(self.eff_depth)
        self.TM = 256
        if a["prefill_tile"] == "fits":
            self.TM = min(256, min(2 * self.w[c] * self.eff_depth[c] for c in "io") // 16 // 256)
        cap = {c: 2 * self.w[c] * self.eff_depth[c] / 16 for c in "wo"}
        self.cap = min(cap.values()) if self.d == "mugi" else cap["o"]
        if self.d == "mugi":
            self.Rb, self.bh = BROADCAST[h]
        elif self.d == "carat":
            self.Rb = {64: 1, 128: 1, 256: 3}[h]
        self.fill = {
            "systolic": lambda: self.H + self.W - 2,
            "simd": lambda: ceil(log2(self.H)),
            "tensor": lambda: 4,
            "mugi": lambda: self.W - 1 + self.Rb,
            "carat": lambda: self.W - 1 + self.H / 8,
        }[self.d]()
        self.components()

    # ---- component costs and what each event switches
    def logic(self, kind, **sizes):
        row = TECH["logic"][kind]
        scale, energy = 1.0, 1.0
        for name, ref in row["per"].items():
            f = sizes.get(name, 1) / ref
            scale *= f
            alpha = self.a["fifo_depth_energy"]
            energy *= alpha * f + 1 - alpha if name == "depth" else f
        e = row["dynamic_mw"] / 400 * energy
        if kind == "noc_router" and self.a["router_energy"] != "table":
            e = self.a["router_energy"] * 1e-3
        area = row["area_mm2"] * scale * (1.44 if self.a["logic_area"] == "core" else 1)
        return area, row["leakage_mw"] * scale, e

    @property
    def figna_is_built(self):
        built = self.a["figna_pe"] == "synthesised"
        return (self.d, self.v) == ("systolic", "figna") and built

    def components(self):
        a, H, W, d, v = self.a, self.H, self.W, self.d, self.v
        lg = self.logic
        c = {}  # name -> (instances a node, (area, leak, energy))

        def reg(width):
            return lg("register", width=width)

        def fifo(width, depth):
            return lg("fifo", width=width, depth=depth)

        if d == "mugi":
            V = H // 8
            store = a["row_storage"]
            c |= {
                "ififo": (W, fifo(16, 8)),
                "wfifo": (H, fifo(4, 2)),
                "ofifo": (H, fifo(16, 2 if store == "listed" else 8)),
                "sign_fifo": (H, fifo(1, 2)),
                "pe_fifo": (0 if store == "two_adders" else H, fifo(16, 8)),
                "comparator": (H, lg("comparator", width=4)),
                "magnitude_register": (H, reg(3)),
                "sign_register": (H, reg(1)),
                "temporal_register": (H * W, reg(1)),
                "and_gate": (H * W, lg("and_bitwise", width=16)),
                "or_gate": (2 * H * W, lg("or_bitwise", width=16)),
                "sign_xor": (H, lg("xor_bitwise", width=1)),
                "multiplier": (
                    W,
                    lg("multiplierbf16" if a["input_unit"] == "multiplier" else "adderbf16"),
                ),
                "multiplier_register": (self.Rb * W, reg(16)),
                "counter": (1, lg("counter", width=3)),
                "counter_register": (self.bh, reg(3)),
                "adder": (2 * H if store == "two_adders" else H, lg("adderbf16")),
                "max_tree": (H - 1, lg("vlp_max_min", width=a["max_tree_width"])),
                "max_tree_register": (self.bh, reg(8)),
                "imux": (1, lg("multiplexer", width=128, inputs=2)),
                "wmux": (1, lg("multiplexer", width=4 * H, inputs=2)),
                "round": (H, lg("vlp_round")),
                "sign_mantissa_register": (H, reg(4)),
                "exponent_register": (H, reg(8)),
                "exp_clamp": (H, lg("vlp_clamp")),
                "exp_norm": (H, lg("exp_norm")),
                "exp_select": (H, lg("exp_select")),
                "multiplier_vector": (V, lg("multiplierbf16")),
                "register_vector": (V, reg(16)),
            }
            if store == "as_built":
                c |= {"output_fifo": (H, fifo(16, 8)), "window_register": (H, reg(48))}
            if v == "vlp":
                c["window_select"] = (1, lg("vlp_window"))
            else:
                c["lut_register"] = (V * 2 * 8 * 12, reg(16))
                c["lut_decoder"] = (V, lg("decoder"))
        elif d == "carat":
            f = {64: 2, 128: 4, 256: 8}[H]
            c |= {
                "ififo": (W, fifo(16, f)),
                "wfifo": (H, fifo(8, f)),
                "ofifo": (H, fifo(16, f)),
                "sign_fifo": (2 * H, fifo(8, 1)),
                "pe_fifo": (2 * H, fifo(16, 8)),
                "comparator": (H, lg("comparator", width=3)),
                "ireg": (H, reg(12)),
                "z_flag": (H, lg("or_bitwise", width=7)),
                "nan_flag": (H, lg("and_bitwise", width=7)),
                "temporal_register": (H * W, reg(1)),
                "and_gate": (H * W, lg("and_bitwise", width=16)),
                "areg": (H * W, reg(1.5)),
                "or_gate": (2 * H * W, lg("or_bitwise", width=16)),
                "sign_xor": (H, lg("xnor_bitwise", width=1)),
                "counter": (1, lg("counter", width=3)),
                "creg": (H // 8 * W, reg(3)),
                "accumulator": (W, lg("adderbf16")),
                "accumulator_register": (self.Rb * W, reg(16)),
                "wreg": (W, reg(16)),
                "adder": (H, lg("adderbf16")),
                "exp_scale": (W, lg("adder", width=8)),
                "shifterexp": (H, lg("adder", width=8)),
            }
        else:
            pes = 2048 if d == "tensor" else H * W
            n_in, n_w, n_out = (128, 256, 128) if d == "tensor" else (W, H, H)
            dep = 8 if d == "tensor" else H
            acc = {"tensor": 1920, "simd": H * (H - 1), "systolic": pes}[d]
            mult = 0 if v == "figna" and a["figna_multiplier"] == "replaced" else pes
            c |= {
                "ififo": (n_in, fifo(16, dep)),
                "wfifo": (n_w, fifo(4, dep)),
                "ofifo": (n_out, fifo(16, dep)),
                "input_register": (pes, reg(16)),
                "weight_register": (pes, reg(16)),
                "pe_register": (pes, reg(16)),
                "multiplier": (mult, lg("multiplierbf16")),
                "accumulator": (acc, lg("adderbf16")),
                "adder": (n_out, lg("adderbf16")),
            }
            if d != "systolic":
                c["accumulator_register"] = (W if d == "simd" else 128, reg(16))
            else:
                cw = {8: 2, 16: 3, 32: 4, 64: 5}[H]
                c |= {n: (pes, reg(cw)) for n in ("icnt", "icmp", "iadd", "wcnt", "wcmp", "wadd")}
            if v == "figna":
                col = a["figna_sharing"] == "per_column" and a["figna_activity"] == "every_pe"
                c |= {
                    "ch_aloc": (pes, lg("ch_aloc")),
                    "ch_dealoc": (pes, lg("ch_dealoc")),
                    "int_to_fp_figna": (W if col else pes, lg("int_to_fp")),
                    "prealigner": (W if col else pes, lg("prealigner")),
                }
            else:
                c["int_to_fp"] = (n_w, lg("int_to_bf16"))
            if self.figna_is_built:
                gone = ["input_register", "weight_register", "pe_register", "multiplier"]
                for n in [*gone, "accumulator", "ch_aloc", "ch_dealoc"]:
                    del c[n]
                c |= {
                    "figna_element": (pes, lg("figna_pe")),
                    "int_to_fp_figna": (W, lg("int_to_fp")),
                    "prealigner": (H, lg("prealigner")),
                }
            if v == "pwl":
                c |= {
                    "pwl_comparator": (21 * H, lg("pwl_bf_max")),
                    "pwl_encoder": (H, lg("pwl_22_seg_encoder")),
                    "pwl_register": (22 * H, reg(32)),
                    "pipeline_register": (22 * H, reg(16)),
                    "adder_vector": (H, lg("adderbf16")),
                }
            if v == "taylor":
                c |= {"taylor_register": (9, reg(16)), "adder_vector": (H, lg("adderbf16"))}
        if d != "mugi":
            n = 2 * self.L if d == "systolic" else self.L
            c |= {
                "multiplier_vector": (self.L, lg("multiplierbf16")),
                "accumulator_vector": (self.L, lg("adderbf16")),
                "register_vector": (n, reg(16)),
                "mac_register_vector": (self.L, reg(16)),
            }
        if self.P > 1:
            c |= {f"{x}router": (1, lg("noc_router", bandwidth=64)) for x in "iwo"}
        rows = {(r["width"], r["depth"]): r for r in TECH["sram_rows"]}
        self.sram = {x: rows[self.w[x], self.depth[x]] for x in "iwo"}
        self.c = c

    def chip(self):
        area = sum(n * x[0] for n, x in self.c.values())
        leak = sum(n * x[1] for n, x in self.c.values())
        for r in self.sram.values():
            area += self.macros * r["size_mm"][0] * r["size_mm"][1]
            leak += self.macros * 4 * sum(r["leakage_mw"])
        return area * self.P, leak * self.P

    def uses(self, nonlinear, softmax):
        """Return event -> component -> activations."""
        a, H, W, d, v, P = self.a, self.H, self.W, self.d, self.v, self.P
        div = P if a["noc_activity"] == "divided" else 1
        tick = 8 if a["temporal_converter_activity"] == "per_cycle" else 1
        use = {}
        if d == "mugi":
            V = H // 8
            slip = a["activity_slips"] == "published"
            count = {
                "counter": tick,
                "counter_register": tick * self.bh * (self.Q if slip and P > 1 else 1),
            }
            if not nonlinear:
                fifo_or = 1 if slip and P > 1 else H
                use = {
                    "input_gemm": {"ififo": W},
                    "input_reuse_gemm": {
                        "multiplier": 8 * W / div,
                        "multiplier_register": 8 * W * self.Rb / div,
                    },
                    "counter_reuse": count,
                    "weight_gemm": dict.fromkeys(
                        ["wfifo", "magnitude_register", "sign_register", "sign_fifo"], H
                    ),
                    "weight_reuse_gemm": {"comparator": tick * H},
                    "array_gemm": dict.fromkeys(["temporal_register", "and_gate", "or_gate"], H * W)
                    | dict.fromkeys(["sign_xor", "adder", "ofifo"], 8 * H),
                    "array_fifo_gemm": {
                        "pe_fifo": 0 if a["row_storage"] == "two_adders" else 8 * H,
                        "or_gate": fifo_or,
                    },
                    "vector": {"multiplier_vector": V, "register_vector": V},
                }
            else:
                wn = dict.fromkeys(
                    [
                        "round",
                        "sign_mantissa_register",
                        "exponent_register",
                        "exp_clamp",
                        "wfifo",
                        "magnitude_register",
                        "sign_register",
                        "exp_norm",
                        "exp_select",
                        "ofifo",
                    ],
                    H,
                )
                wn |= {"max_tree": H - 1, "max_tree_register": self.bh}
                wn |= (
                    {"window_select": 1}
                    if v == "vlp"
                    else {"lut_register": 8 * V, "lut_decoder": 8 * V}
                )
                if not slip:
                    wn["sign_fifo"] = H
                use = {
                    "input_nonlinear": {"ififo": 8 * W},
                    "counter_reuse": count,
                    "weight_nonlinear": wn,
                    "weight_reuse_nonlinear": {"comparator": 8 * H},
                    "array_nonlinear": dict.fromkeys(
                        ["temporal_register", "and_gate", "or_gate"], H * W
                    ),
                    "summation": {"adder": H},
                    "vector": {"multiplier_vector": V, "register_vector": V},
                }
            use["instruction"] = {"imux": 1, "wmux": 1}
            return use
        L = self.L
        r = {"systolic": 2 if a["vector_register_activity"] == "two" else 2 * H}.get(d, L)
        if nonlinear:
            acc = softmax or (v not in ("pwl", "taylor") and a["precise_cycles"] == 45)
            u = {"accumulator_vector": L, "mac_register_vector": L} if acc else {}
            if v == "pwl":
                k = 1 if a["pwl_activity"] == "one_lane" else H
                u |= {
                    "multiplier_vector": H,
                    "adder_vector": H,
                    "register_vector": 5 * r,
                    "pwl_comparator": 21 * k,
                    "pwl_encoder": H,
                    "pwl_register": 22 * k,
                    "pipeline_register": 22 * k,
                }
            elif v == "taylor":
                u |= {
                    "multiplier_vector": 9 * H,
                    "adder_vector": 9 * H,
                    "register_vector": 10 * r,
                    "taylor_register": 9,
                }
            else:
                u |= {"multiplier_vector": 44 * L, "register_vector": 44 * r}
            return {"vector_nonlinear": u}
        use["vector_gemm"] = {"multiplier_vector": L, "register_vector": r}
        if d == "carat":
            half = a["pe_fifo_activity"] == "equal_half"
            return use | {
                "input_gemm": {"ififo": W},
                "counter_reuse": {"counter": tick, "creg": tick * H / 8 * W},
                "input_reuse_gemm": dict.fromkeys(["accumulator", "exp_scale", "wreg"], 8 * W / div)
                | {"accumulator_register": 8 * W * self.Rb / div},
                "weight_gemm": {"wfifo": H},
                "weight_reuse_gemm": {
                    "comparator": tick * H,
                    "ireg": H,
                    "z_flag": H,
                    "nan_flag": H,
                    "sign_fifo": H if tick == 8 else 2,
                },
                "array_gemm": dict.fromkeys(
                    ["temporal_register", "and_gate", "or_gate", "areg"], H * W
                )
                | dict.fromkeys(["sign_xor", "shifterexp", "adder", "ofifo"], 8 * H)
                | {"pe_fifo": 4 * H if half else 8 * H},
            }
        pes = 2048 if d == "tensor" else H * W
        n_in, n_w, n_out = (128, 256, 128) if d == "tensor" else (W, H, H)
        how = a["weight_register_activity"]
        wr = (
            pes
            if how == "array"
            else n_w
            if how == "row"
            else {"systolic": W * (H + 1) / 2, "simd": H, "tensor": 2048}[d]
        )
        wg = {"wfifo": n_w, "weight_register": wr}
        ag = {"multiplier": pes, "pe_register": pes, "adder": n_out / div, "ofifo": n_out / div}
        ag["accumulator"] = {"systolic": pes, "simd": H * (H - 1), "tensor": 1920}[d]
        if v == "figna":
            full = a["figna_activity"] == "every_pe"
            n = H * W if full else W
            m = W if full and a["figna_sharing"] == "per_column" else n
            ag |= {"ch_aloc": n, "ch_dealoc": n, "int_to_fp_figna": m, "prealigner": m}
            if a["figna_multiplier"] == "replaced":
                del ag["multiplier"]
        else:
            wg["int_to_fp"] = n_w
        if self.figna_is_built:
            ag = {"adder": n_out / div, "ofifo": n_out / div, "figna_element": pes}
            ag |= {"int_to_fp_figna": W, "prealigner": H}
            del wg["weight_register"]
        if d == "systolic":
            ag |= dict.fromkeys(["icnt", "icmp", "iadd", "wcnt", "wcmp", "wadd"], pes)
        else:
            ag["accumulator_register"] = (W if d == "simd" else 128) / div
        return use | {
            "input_gemm": {"ififo": n_in}
            | ({} if self.figna_is_built else {"input_register": pes}),
            "weight_gemm": wg,
            "array_gemm": ag,
        }

    # ---- words and events of one execution at one step
    def idle(self, u):
        return u + self.a["idle_activity"] * (1 - u)

    def gemm(self, B, M, K, N):
        a, H, W, d = self.a, self.H, self.W, self.d
        ws = d in ("systolic", "simd", "tensor")
        cm, ck, cn = cls(M, self.TM), cls(K, 256), cls(N, 256)
        Mt, Kt, Nt = (sum(c for _, c in x) for x in (cm, ck, cn))

        def traffic(cm, ck, cn, b, x, y, z, mt, nt):
            i = b * nt * sum(p * q * ceil(16 * m * k / x) for m, p in cm for k, q in ck)
            w = b * mt * sum(p * q * ceil(4 * k * n / y) for k, p in ck for n, q in cn)
            o = b * sum(p * q * ceil(16 * m * n / z) for m, p in cm for n, q in cn)
            return i, w, o

        ev = {}
        dram = traffic(cm, ck, cn, B, 64, 64, 64, Mt, Nt)
        off = traffic(cm, ck, cn, B, *self.w.values(), Mt, Nt)
        ev["isram_offchip_writes"], ev["wsram_offchip_writes"], ev["osram_offchip_reads"] = off
        on = dict.fromkeys(
            [
                "isram_onchip_reads",
                "wsram_onchip_reads",
                "osram_onchip_reads",
                "osram_onchip_writes",
            ],
            0,
        )
        E = {}
        cyc = {}

        def add(name, count, cycles):
            E[name] = E.get(name, 0) + count
            cyc[name] = cyc.get(name, 0) + cycles

        for m, p in cm:
            for k, q in ck:
                for n, s in cn:
                    c = B * p * q * s
                    om, ok, o_n = cls(m, W), cls(k, H), cls(n, H)
                    mu, ka, nu = (sum(x for _, x in t) for t in (om, ok, o_n))
                    i, w, o = traffic(om, ok, o_n, c, *self.w.values(), 1 if ws else mu, nu)
                    on["isram_onchip_reads"] += i
                    on["wsram_onchip_reads"] += w
                    on["osram_onchip_writes"] += o * (ka if ws else 1)
                    on["osram_onchip_reads"] += o * (ka - 1 if ws else 1)
                    ks = ceil(k / 16) if d == "tensor" else k
                    beta = c * mu * nu * ks
                    um, un = m / (mu * W), n / (nu * H)
                    tn = min(H, n)
                    stream = beta
                    wt = c * mu * ks
                    if a["ws_timing"] != "output_stationary" and d in ("systolic", "simd"):
                        r = (
                            max(1, floor(self.w["w"] / (4 * H)))
                            if a["ws_load_rows"] == "sram_width"
                            else 1
                        )
                        f = max if a["ws_timing"] == "double_buffered" else lambda x, y: x + y
                        stream = wt = c * nu * sum(x * f(m, ceil(t / r)) for t, x in ok)
                    eight = 8 if self.vlp else 1
                    add("input_gemm", beta * self.idle(um), stream)
                    if ws:
                        tl = mu if a["ws_weight_loads"] == "m_tiles" else nu
                        add("weight_gemm", c * tl * ks * self.idle(un), wt)
                    else:
                        add("weight_gemm", beta * self.idle(un), beta)
                        add("counter_reuse", beta, beta * (8 if d == "mugi" else 1))
                        add("input_reuse_gemm", beta * self.idle(um), 8 * beta)
                        add("weight_reuse_gemm", beta * self.idle(un), beta)
                    add("array_gemm", beta * self.idle(um * un), eight * stream)
                    if d == "mugi":
                        f = {"equal_full": 1, "overlap_share": 28 / 64}.get(
                            a["pe_fifo_activity"], 0.5
                        )
                        add("array_fifo_gemm", f * beta * self.idle(um * un), 8 * beta)
                    G = a["dequant_group"]
                    g = 1 if G == 256 else (1 if G == "whole_k" else ceil(K / G)) / Kt
                    if d == "mugi":
                        V = H / 8
                        add("vector", g * c * m * n / V, g * c * m * nu * tn / V)
                    elif d == "tensor":
                        add("vector_gemm", g * c * mu * n / tn, g * c * mu * nu)
                    else:
                        add("vector_gemm", g * c * m * n / tn, g * c * m * nu)
        if a["partial_sum_reads"] == "continue":
            o1 = sum(
                p
                * q
                * sum(
                    x * y * ceil(16 * e * g / self.w["o"])
                    for e, x in cls(m, W)
                    for g, y in cls(n, H)
                )
                for m, p in cm
                for n, q in cn
            )
            on["osram_onchip_reads"] += (Kt - 1) * B * o1 if ws else -B * o1
        ev |= on
        if d == "mugi":
            add("instruction", 1, 1)
        To = B * Mt * Nt
        T = {"all_tiles": To * Kt, "output_tiles": To, "array_tiles": B * ceil(M / W) * ceil(N / H)}
        router = {"i": (T["all_tiles"], off[0]), "w": (T["all_tiles"], off[1]), "o": (To, off[2])}
        bits = [off[0] * self.w["i"], off[1] * self.w["w"], off[2] * self.w["o"]]
        return self.finish(
            ev,
            E,
            cyc,
            T,
            router,
            bits,
            8 * sum(dram),
            (dram[0] + dram[1], dram[2]),
            self.uses(False, False),
            True,
            T["all_tiles"],
        )

    def nonlinear(self, m, n, softmax):
        a, H, d = self.a, self.H, self.d
        L = self.L
        tm = min(m, L)
        j = 0
        while n / 2**j * tm > self.cap:
            j += 1
        tn = floor(n / 2**j)
        entries = [(x, y, p * q) for x, p in cls(m, tm) for y, q in cls(n, tn)]
        o = self.w["o"]
        off = sum(c * ceil(16 * x * y / o) for x, y, c in entries)
        off64 = sum(c * ceil(16 * x * y / 64) for x, y, c in entries)
        on = sum(c * y * ceil(16 * x / o) for x, y, c in entries)
        q = sum(c * y for x, y, c in entries)
        qu = sum(c * y * self.idle(x / L) for x, y, c in entries)
        qa = sum(c * y * x for x, y, c in entries)
        Tn = sum(c for *_, c in entries)
        k = a["softmax_passes"] if softmax else 1
        ev = {
            "osram_offchip_reads": off,
            "osram_offchip_writes": off,
            "osram_onchip_reads": k * on,
            "osram_onchip_writes": k * on,
        }
        keep = a["nonlinear_dram_traffic"] == "round_trip"
        dr = keep * (off if a["dram_words"] == "sram_words" else off64)
        reads, writes = dr, dr
        bytes_ = 8 * 2 * off64 * keep
        E, cyc = {}, {}

        def add(name, count, cycles):
            E[name], cyc[name] = count, cycles

        router = {"o": (Tn, 2 * off)}
        bits = [0, 0, 2 * off * o]
        if d == "mugi":
            v, i = a["lut_value_bits"], self.w["i"]
            lut = ceil(96 * v / i)
            bytes_ += 8 * ceil(96 * v / 64)
            reads += lut if a["dram_words"] == "sram_words" else ceil(96 * v / 64)
            loads = lut * (self.P if a["lut_copies"] == "per_node" else 1)
            ev["isram_offchip_writes"] = loads
            how = a["silu_passes"]
            s = 1 if softmax or how == "mixed" else 2
            ev["isram_onchip_reads"] = s * 8 * q * ceil(8 * v / i)
            if how == "reload" and not softmax:
                ev["osram_onchip_reads"] = 2 * on
            router["i"] = (Tn, loads)
            bits[0] = loads * i
            add("input_nonlinear", s * q, 8 * s * q)
            add("counter_reuse", s * q, 8 * s * q)
            two = 2 if not softmax else 1
            wn = (qu * two, two * q) if how == "reload" else (qu, two * q if how == "mixed" else q)
            add("weight_nonlinear", wn[0], 8 * wn[1])
            if how == "mixed":
                add("weight_reuse_nonlinear", two * qu, 8 * q)
                add("array_nonlinear", 2 * qu, 8 * q)
            else:
                add("weight_reuse_nonlinear", s * qu, 8 * s * q)
                add("array_nonlinear", s * qu, 8 * s * q)
            V = H / 8
            if softmax:
                add("summation", qu, 8 * q)
                add("vector", qa / V, qa / V)
            add("instruction", 1, 1)
        else:
            unit = {"pwl": a["pwl_interval"], "taylor": 10}.get(self.v, a["precise_cycles"])
            add("vector_nonlinear", qu, unit * q)
        T = {"all_tiles": Tn, "output_tiles": Tn, "array_tiles": ceil(m / L) * n}
        return self.finish(
            ev,
            E,
            cyc,
            T,
            router,
            bits,
            bytes_,
            (reads, writes),
            self.uses(True, softmax),
            d == "mugi",
            Tn,
        )

    def hops(self, t, lut=False):
        if self.a["noc_hops"] == "mean_xy":
            return (self.Q + 1) / 2
        if lut and t >= self.P:
            return self.R
        f, p = t // self.P, 1 if t % self.P else 0
        return (self.R * f + p) / (f + p)

    def finish(self, ev, E, cyc, T, router, bits, bytes_, dram, use, fills, t_fill):
        a = self.a
        gemm = "w" in router
        busy = {}
        energy = 0.0
        for name, n in ev.items():
            busy[name] = n
            s = self.sram[name[0]]
            energy += n * (s["read_nj"] if name.endswith("reads") else s["write_nj"])
        for name, x in E.items():
            whole = floor(x + 1e-6)
            busy[name] = cyc[name] * whole / x if x else 0
            energy += whole * sum(k * self.c[comp][1][2] for comp, k in use[name].items())
        if self.P > 1:
            rotated = a["router_bits"] == "rotated"
            for ch, (t, words) in router.items():
                own = self.w[ch]
                other = self.w[{"i": "o", "w": "i", "o": "w"}[ch]] if gemm else 1
                n = floor(
                    self.hops(t, lut=ch == "i" and not gemm) * words * (other if rotated else own)
                    + 1e-6
                )
                energy += n * self.c[f"{ch}router"][1][2]
        if a["sram_ports"] == "shared":
            for s in "iwo":
                for access in ("reads", "writes"):
                    busy[s + access] = sum(
                        busy.get(f"{s}sram_{x}chip_{access}", 0) for x in ("on", "off")
                    )
        c = max(busy.values())
        t = 1 if a["noc_tiling"] == "even" else T[a["noc_tiling"]]
        c *= 1 / self.P if a["noc_tiling"] == "even" else ceil(t / self.P) / t
        if fills and a["pipeline_fill"] == "per_op":
            c += self.fill
        elif fills and a["pipeline_fill"] == "per_tile":
            c += self.fill * ceil(t_fill / self.P)
        if a["noc_link_bits"] and self.P > 1:
            c = max(c, max(bits) / (self.R * a["noc_link_bits"]))
        if a["dram_time"] == "per_op":
            c = max(c, bytes_ * 400e6 / (a["dram_bandwidth_gb_s"] * 1e9))
        row = TECH["dram"][a["dram_energy"]]
        return c, energy, dram[0] * row["read_nj"] + dram[1] * row["write_nj"], bytes_

    def evaluate(self):
        a = self.a
        dim, layers, h, g, f = MODELS[self.run["model"]]
        if self.run["model"] == "llama_2_70b" and not self.run.get("kv_heads"):
            g = a["mha_70b_kv_heads"]
        g = self.run.get("kv_heads") or g
        b, S, p, hd = self.run["batch_size"], self.run["seq_len"], 64, dim // h
        D = 4096 if a["decode_steps"] == "fixed_4096" else S - p
        Dlm = 1 if a["lm_head_decode"] == "once" else D
        steps = range(p + 1, S + 1)
        res = {}

        gemm = lru_cache(None)(self.gemm)
        nonlinear = lru_cache(None)(self.nonlinear)

        def book(name, phase, times, found):
            old = res.get((name, phase), (0, 0, 0, 0))
            res[name, phase] = tuple(x + times * y for x, y in zip(old, found, strict=True))

        kv = g * hd
        for name, k, n in [
            ("proj_q", dim, dim),
            ("proj_a", dim, dim),
            ("proj_k", dim, kv),
            ("proj_v", dim, kv),
            ("up", dim, f),
            ("gate", dim, f),
            ("down", f, dim),
        ]:
            book(name, "prefill", layers, gemm(1, b * p, k, n))
            book(name, "decode", layers * D, gemm(1, b, k, n))
        lm = b if a["lm_head_prefill"] == "last_position" else b * p
        book("output", "prefill", 1, gemm(1, lm, dim, 32000))
        book("output", "decode", Dlm, gemm(1, b, dim, 32000))
        book("qkt", "prefill", layers, gemm(b * g, h // g * p, hd, p))
        book("av", "prefill", layers, gemm(b * g, h // g * p, p, hd))
        book("softmax", "prefill", layers, nonlinear(b * h * p, p, True))
        book("silu", "prefill", layers, nonlinear(f, b * p, False))
        book("silu", "decode", layers * D, nonlinear(f, b, False))
        for name in ("qkt", "av", "softmax"):
            book(name, "decode", 0, (0, 0, 0, 0))
        for s in steps:
            book("qkt", "decode", layers, gemm(b * g, h // g, hd, s))
            book("av", "decode", layers, gemm(b * g, h // g, s, hd))
            book("softmax", "decode", layers, nonlinear(b * h, s, True))
        out = {}
        for group in set(GROUP.values()):
            rows = [x for (name, _), x in res.items() if GROUP[name] == group]
            out[f"cycles_{group}"] = sum(x[0] for x in rows)
            out[f"dynamic_energy_{group}_nj"] = sum(x[1] for x in rows)
            out[f"dram_energy_{group}_nj"] = sum(x[2] for x in rows)
        T = sum(x[0] for x in res.values())
        if a["nonlinear_overlap"] == "overlapped" and self.d != "mugi":
            for ph in ("prefill", "decode"):
                c = {
                    n: res[n, ph][0] for n in ("qkt", "av", "softmax", "up", "gate", "down", "silu")
                }
                T -= min(c["qkt"] + c["av"], c["softmax"]) + min(
                    c["up"] + c["gate"] + c["down"], c["silu"]
                )
        if a["dram_time"] == "whole_run":
            T = max(T, sum(x[3] for x in res.values()) / (a["dram_bandwidth_gb_s"] * 1e9) * 400e6)
        area, leak = self.chip()
        dyn = sum(x[1] for x in res.values())
        dram = sum(x[2] for x in res.values())
        sec = T / 400e6
        tot = dyn * 1e-9 + leak * 1e-3 * sec
        if a["energy_scope"] != "on_chip":
            tot += dram * 1e-9
        if a["energy_scope"] == "with_dram_background":
            tot += 8 * (134.919 + 0.744218 + 5.286) * 1e-3 * sec
        tokens = b * (S - p * (a["tokens_counted"] == "generated"))
        return out | {
            "area_mm2": area,
            "leakage_mw": leak,
            "cycles": T,
            "runtime_s": sec,
            "dynamic_energy_nj": dyn,
            "dram_energy_nj": dram,
            "total_energy_j": tot,
            "tokens_per_s": tokens / sec,
            "tokens_per_j": tokens / tot,
        }
