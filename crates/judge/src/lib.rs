//! From observations to needs: call sites judged, alternatives, evidence in words, remedies. Pure.
