"""What this machine has and lacks."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc


@dataclass(frozen=True)
class DoctorCommand:
    """Say what this machine has, what it lacks, and what to do about that."""

    check: Annotated[bool, Doc("Also check a GPU's kernels against the CPU's, even if they were checked before.")] = (
        False
    )

    def run(self) -> int:
        from core.commands import doctor

        findings = doctor.examine(self.check)
        print("\n".join(doctor.lines(findings)))
        return 2 if any(finding.fatal for finding in findings) else 0


COMMAND = DoctorCommand
