//! What each container runtime makes of a security context: the five sets, each member with its reason. Pure.
