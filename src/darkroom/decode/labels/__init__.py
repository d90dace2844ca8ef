"""Labels: the class and the predefined split of each member, by folder, by name or from a table."""

from darkroom.decode.labels.labelling import Labelling, label_members

__all__ = ["Labelling", "label_members"]
