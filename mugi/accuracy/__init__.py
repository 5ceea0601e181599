"""What approximations do to real models.

Products in BF16 on a CPU are oneDNN's with AVX-512, unless ONEDNN_MAX_CPU_ISA asks for others. AMX
multiplies several times as fast, but a row's last bit then depends on how many rows go together: on
the batch, and on the length of the text. oneDNN reads the variable at its first product.
"""

import os

ISA = "ONEDNN_MAX_CPU_ISA"
os.environ.setdefault(ISA, "AVX512_CORE_BF16")
