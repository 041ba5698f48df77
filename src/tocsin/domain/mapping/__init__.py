"""Mapping: a tool's own words made into events, as its manifest says, and the proof of where they come from."""

from tocsin.domain.mapping.faults import faults_of
from tocsin.domain.mapping.manifest import Manifest, Verify, guide_of, read_manifest
from tocsin.domain.mapping.mapper import Mapped, Mapper
from tocsin.domain.mapping.request import Request
from tocsin.domain.mapping.verification import check

__all__ = ["Manifest", "Mapped", "Mapper", "Request", "Verify", "check", "faults_of", "guide_of", "read_manifest"]
