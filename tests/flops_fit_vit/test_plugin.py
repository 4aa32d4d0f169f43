"""What importing the plugin costs: torchvision takes seconds, so nothing loads it before it is needed."""

import subprocess
import sys

SCRIPT = """
import sys
from flops_fit_vit import plugin

offered = [cls.model_fields["kind"].default for cls in (*plugin.flops_fit_models(), *plugin.flops_fit_data())]
assert not {"torch", "torchvision", "PIL"} & set(sys.modules), "on import"
plugin.Gratings().probe_batch(2)
assert "torchvision" not in sys.modules, "for gratings"
print(*offered)
"""


def test_listing_the_plugin_loads_no_torch_and_gratings_no_torchvision():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["vit", "cifar10", "cifar100", "image_folder", "gratings"], done.stderr
