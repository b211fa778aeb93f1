//! The SmartOS-shaped host on one Linux machine.
