"""Which components are installed: entry points in, Registry out, and no broken plugin hides a good one.

Importing this package imports neither pydantic nor any plugin, so that `flops-fit plugins` answers at once.

Environment, names separated by commas:
    FLOPS_FIT_DISABLE_PLUGINS           plugins to leave out
    FLOPS_FIT_LOAD_PLUGINS              the only plugins to load, beside the core's own
    FLOPS_FIT_DISABLE_PLUGIN_AUTOLOAD   1: load nothing but the core's own
"""

from flops_fit.plugins.loading import InstalledPlugin as InstalledPlugin
from flops_fit.plugins.loading import describe_installed as describe_installed
from flops_fit.plugins.loading import installed as installed
from flops_fit.plugins.loading import load_plugins as load_plugins
from flops_fit.plugins.loading import registry as registry
from flops_fit.plugins.loading import use as use
from flops_fit.plugins.new_plugin import NewPlugin as NewPlugin
from flops_fit.plugins.new_plugin import new_plugin as new_plugin
from flops_fit.plugins.registry import Conflict as Conflict
from flops_fit.plugins.registry import Failure as Failure
from flops_fit.plugins.registry import Offer as Offer
from flops_fit.plugins.registry import Origin as Origin
from flops_fit.plugins.registry import Registry as Registry
