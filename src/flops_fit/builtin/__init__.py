"""The core's own plugin, loaded through the same entry-point group as everybody's."""
