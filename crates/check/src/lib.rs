//! Rules over what resolve found; findings, fixes, renderers.
