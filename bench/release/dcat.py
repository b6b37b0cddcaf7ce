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
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "dqv": "http://www.w3.org/ns/dqv#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "healthdcatap": "http://healthdataportal.eu/ns/health#",
    "oa": "http://www.w3.org/ns/oa#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_DUO = "http://purl.obolibrary.org/obo/"
# mandatory in the profile, and known to the steward alone
TO_ADD = (
    *("dct:publisher", "dcat:contactPoint", "dct:accessRights", "dct:spatial", "dcat:theme", "adms:sample"),
    *("dcatap:applicableLegislation", "healthdcatap:hdab", "healthdcatap:healthCategory", "healthdcatap:healthTheme"),
)
_EU = "http://publications.europa.eu/resource/authority/"
_EU_FILES = {  # codes of the Publications Office; other formats go by their media type alone
    "text/csv": "CSV",
    "text/tab-separated-values": "TSV",
    "application/vnd.apache.parquet": "PARQUET",
    "application/x-hdf5": "HDF",
    "application/gzip": "GZIP",
    "application/zip": "ZIP",
}


def description(
    document: Mapping[str, Any], text: str, terms: str, files: Sequence[tuple[Path, str, str]]
) -> dict[str, Any]:
    """Return the description of a release.

    Parameters
    ----------
    document : the certificate
    text : what was released, in words
    terms : under which conditions, in words or as a code
    files : each file with data, its media type and its SHA-256
    """
    data, identity = document["data"], f"urn:omics-bench:{document['release']}"
    found: dict[str, Any] = {
        "@context": _CONTEXT,
        "@id": identity,
        "@type": "dcat:Dataset",
        "dct:identifier": {"@value": identity, "@type": "xsd:anyURI"},
        "dct:title": _words(f"Synthetic data: {document['dataset']['title']}"),
        "dct:description": _words(text),
        "dct:issued": {"@value": document["made"], "@type": "xsd:dateTime"},
        "dct:type": {"@id": f"{_EU}dataset-type/{'SYNTHETIC_DATA' if data['kind'] != 'model' else 'OTHER'}"},
        "dct:provenance": {
            "@type": "dct:ProvenanceStatement",
            "rdfs:label": _words(f"made by {document['generator']['name']} from {document['dataset']['source']}"),
        },
        "dcat:keyword": [_words(word) for word in ("synthetic", data["modality"], *map(str, data["classes"]))],
        "dpv:hasPurpose": {"@id": "dpv:ResearchAndDevelopment"},
        "dqv:hasQualityAnnotation": {
            "@type": "dqv:QualityAnnotation",
            "oa:hasBody": {"@id": f"{identity}/certificate.json"},
        },
        "dcat:distribution": [_distribution(identity, terms, *file) for file in files],
        "rdfs:comment": _words(
            f"To be added by whoever publishes it: {', '.join(TO_ADD)}; dcatap:applicableLegislation also to each "
            "dcat:Distribution."
        ),
    }
    if "rows" in data:
        found["healthdcatap:numberOfRecords"] = {"@value": str(data["rows"]), "@type": "xsd:nonNegativeInteger"}
    if code := document["dataset"].get("use_conditions_duo"):
        found["dct:conformsTo"] = {"@id": _DUO + str(code).replace(":", "_")}
    return found


def _words(text: str) -> dict[str, str]:
    return {"@value": text, "@language": "en"}


def _distribution(identity: str, terms: str, path: Path, media: str, digest: str) -> dict[str, Any]:
    code = _EU_FILES.get(media)
    named = (
        {"@id": f"{_EU}file-type/{code}"} if code else {"@type": "dct:MediaTypeOrExtent", "rdfs:label": _words(media)}
    )
    return {
        "@type": "dcat:Distribution",
        "dct:title": _words(path.name),
        "dcat:accessURL": {"@id": f"{identity}/{path.name}"},
        "dct:format": named,
        "dct:rights": {"@type": "dct:RightsStatement", "rdfs:label": _words(terms)},
        "dcat:mediaType": {"@id": f"https://www.iana.org/assignments/media-types/{media}"},
        "dcat:byteSize": {"@value": str(path.stat().st_size), "@type": "xsd:nonNegativeInteger"},
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
            "spdx:checksumValue": {"@value": digest, "@type": "xsd:hexBinary"},
        },
    }


def write_description(path: Path, found: Mapping[str, Any]) -> None:
    """Write a description as JSON-LD."""
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
