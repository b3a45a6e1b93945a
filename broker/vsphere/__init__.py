"""vCenter, behind the ports. This package and the lab alone import pyVmomi.

pyVmomi loads the type tables of seven products, and leaves out those that are not there. Nobody here
speaks of more than vim: without the others a process is a fifth smaller and starts sooner.
"""

import sys

for _product in ("eam", "pbm", "sms", "vslm", "vsanhealth"):
    sys.modules.setdefault(f"pyVmomi._typeinfo_{_product}", None)  # type: ignore[arg-type]  # "not there", as the import system says it
