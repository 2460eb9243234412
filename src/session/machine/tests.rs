//! Tests of the machine: no runtime, no sockets.
