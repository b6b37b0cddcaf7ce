"""A description of a release for catalogues of health data: HealthDCAT-AP, as JSON-LD.

What the harness knows is filled in. Who publishes the data, under which law, who may get them and through which body
is the steward's to add: nothing is made up, and the file says what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DCAT = "healthdcat-ap.jsonld"
_CONTEXT = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "dqv": "http://www.w3.org/ns/dqv#",
    "healthdcatap": "http://healthdataportal.eu/ns/health#",
    "oa": "http://www.w3.org/ns/oa#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_DUO = "http://purl.obolibrary.org/obo/"
# mandatory in the profile, and known to the steward alone
TO_ADD = ("dct:publisher", "dcat:contactPoint", "dct:accessRights", "dcatap:applicableLegislation", "healthdcatap:hdab",
          "healthdcatap:healthCategory", "dcat:theme")  # fmt: skip


def description(document: Mapping[str, Any], text: str, files: Sequence[tuple[Path, str, str]]) -> dict[str, Any]:
    """Return the description of a release.

    Parameters
    ----------
    document : the certificate
    text : what was released, in words
    files : each file with data, its media type and its SHA-256
    """
    data, identity = document["data"], f"urn:omics-bench:{document['release']}"
    found: dict[str, Any] = {
        "@context": _CONTEXT,
        "@id": identity,
        "@type": "dcat:Dataset",
        "dct:identifier": document["release"],
        "dct:title": _words(f"Synthetic data: {document['dataset']['title']}"),
        "dct:description": _words(text),
        "dct:issued": {"@value": document["made"], "@type": "xsd:dateTime"},
        "dct:type": _words("synthetic data" if data["kind"] != "model" else "released classifier"),
        "dct:provenance": {
            "@type": "dct:ProvenanceStatement",
            "rdfs:label": _words(f"made by {document['generator']['name']} from {document['dataset']['source']}"),
        },
        "dcat:keyword": [_words(word) for word in ("synthetic", data["modality"], *map(str, data["classes"]))],
        "dpv:hasPurpose": {"@id": "dpv:ResearchAndDevelopment"},
        "healthdcatap:qualityAnnotation": {
            "@type": "dqv:QualityAnnotation",
            "oa:hasBody": {"@id": f"{identity}/certificate.json"},
        },
        "dcat:distribution": [_distribution(identity, *file) for file in files],
        "rdfs:comment": _words(f"To be added by whoever publishes it: {', '.join(TO_ADD)}."),
    }
    if "rows" in data:
        found["healthdcatap:numberOfRecords"] = {"@value": str(data["rows"]), "@type": "xsd:nonNegativeInteger"}
    if code := document["dataset"].get("use_conditions_duo"):
        found["dct:conformsTo"] = {"@id": _DUO + str(code).replace(":", "_")}
    return found


def _words(text: str) -> dict[str, str]:
    return {"@value": text, "@language": "en"}


def _distribution(identity: str, path: Path, media: str, digest: str) -> dict[str, Any]:
    return {
        "@type": "dcat:Distribution",
        "dct:title": _words(path.name),
        "dcat:accessURL": {"@id": f"{identity}/{path.name}"},
        "dcat:mediaType": {"@id": f"https://www.iana.org/assignments/media-types/{media}"},
        "dcat:byteSize": {"@value": str(path.stat().st_size), "@type": "xsd:nonNegativeInteger"},
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
            "spdx:checksumValue": digest,
        },
    }


def write_description(path: Path, found: Mapping[str, Any]) -> None:
    """Write a description as JSON-LD."""
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
