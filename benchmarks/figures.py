"""What a benchmark found, beside what it should find."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    target: str
    measured: str

    def __str__(self) -> str:
        return f"| {self.name} | {self.target} | {self.measured} |"
