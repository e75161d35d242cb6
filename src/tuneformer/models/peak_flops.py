"""How many operations a second a device can do at most."""

import re

# Dense bfloat16 products with float32 sums, operations a second, from the makers' data sheets (their figures
# with sparsity are twice these): NVIDIA A100, H100, H200, B200, L4, L40S, A10, A40, RTX 3090 and 4090; AMD
# Instinct MI250X (both dies; a process sees one), MI300X. The first pattern that is found counts.
PEAKS = (
    (r"\bA100\b", 312e12),
    (r"\bH100\b.*\bNVL\b", 835e12),
    (r"\bH100\b.*\bPCIe\b", 756e12),
    (r"\bH100\b", 989e12),
    (r"\bH200\b.*\bNVL\b", 836e12),
    (r"\bH200\b", 989e12),
    (r"\bB200\b", 2250e12),
    (r"\bL40S\b", 362e12),
    (r"\bL4\b", 121e12),
    (r"\bA10\b", 125e12),
    (r"\bA40\b", 149.7e12),
    (r"\bRTX 3090$", 71e12),
    (r"\bRTX 4090$", 165.2e12),
    (r"\bMI250X\b", 191.5e12),
    (r"\bMI300X\b", 1307e12),
)


def peak_flops(device_name: str) -> float | None:
    """Return the published peak of the device, as torch.cuda.get_device_name tells it; None where unknown."""
    return next((peak for pattern, peak in PEAKS if re.search(pattern, device_name)), None)
