"""Machine-readable metadata of a release, as JSON-LD beside the certificate: Croissant, HealthDCAT-AP and RO-Crate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.core.files import sha256
from bench.release.certificate import rates_in_words
from bench.release.dcat import DCAT, description, write_description
from bench.release.formats import is_data

CROISSANT, CRATE = "croissant.json", "ro-crate-metadata.json"
_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/vnd.apache.parquet",
    ".h5ad": "application/x-hdf5",
    ".md": "text/markdown",
    ".html": "text/html",
    ".vcf": "text/plain",
    ".gz": "application/gzip",
    ".bcf": "application/octet-stream",
    ".tbi": "application/octet-stream",
    ".csi": "application/octet-stream",
    ".npz": "application/zip",
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "equivalentProperty": "cr:equivalentProperty",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def write_metadata(folder: Path, document: Mapping[str, Any]) -> None:
    """Write Croissant, HealthDCAT-AP and RO-Crate metadata about the files that lie in a folder by now."""
    files = sorted(path for path in folder.iterdir() if path.suffix in _TYPES)
    _write(folder / CROISSANT, _croissant(document, [path for path in files if is_data(path)]))
    data = [(path, _TYPES[path.suffix], sha256(path)) for path in files if is_data(path)]
    write_description(folder / DCAT, description(document, _description(document), _terms(document), data))
    _write(folder / CRATE, _crate(document, files))


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _description(document: Mapping[str, Any]) -> str:
    data, claim = document["data"], document["claim"]
    guarantee = f"({claim['epsilon']:.4g}, {claim['delta']:g})-differential privacy" if claim else "no guarantee"
    marks = "" if document["for_publication"] else " Not for publication: its seed is known."
    marks = (f" {declared}" if (declared := rates_in_words(document)) else "") + marks
    return (
        f"{data['what']}, made by "
        f"{document['generator']['name']} from {document['dataset']['title']}; {guarantee}; certificate.json holds "
        f"what was measured.{marks}"
    )


def _citation(document: Mapping[str, Any]) -> str:
    made_by = document["generator"]
    doi = f", doi:{made_by['doi']}" if made_by["doi"] else ""
    return (
        f"{_called(document)}: {document['dataset']['title']}, release {document['release']}, by {made_by['name']}{doi}"
    )


def _called(document: Mapping[str, Any]) -> str:
    return "Released classifier" if document["data"]["kind"] == "model" else "Synthetic data"


def _terms(document: Mapping[str, Any]) -> str:
    return str(document["dataset"].get("use_conditions_duo", "not stated: the terms of the source hold"))


def _croissant(document: Mapping[str, Any], files: list[Path]) -> dict[str, Any]:
    """Return the description of the data files in Croissant 1.0; the fields are those of the first table."""
    objects = [
        {
            "@type": "cr:FileObject",
            "@id": path.name,
            "name": path.name,
            "contentUrl": path.name,
            "encodingFormat": _TYPES[path.suffix],
            "sha256": sha256(path),
            "contentSize": f"{path.stat().st_size} B",
        }
        for path in files
    ]
    table = next((path for path in files if path.name in ("synthetic.csv", "synthetic.tsv", "synthetic.parquet")), None)
    sets = [_record_set(document, table)] if table else []
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": f"synthetic-{document['dataset']['name']}-{document['release']}",
        "description": _description(document),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "datePublished": document["made"][:10],
        "version": "1.0.0",
        "citeAs": _citation(document),
        "license": _terms(document),
        "isLiveDataset": False,
        "rai:dataCollection": document["dataset"]["source"],
        "rai:dataUseCases": document["intended_use"],
        "rai:dataLimitations": [*document["limits"], *(f"not for: {use}" for use in document["prohibited_use"])],
        "rai:personalSensitiveInformation": "none by intention; certificate.json says what attacks found",
        "distribution": objects,
        "recordSet": sets,
    }


def _record_set(document: Mapping[str, Any], table: Path) -> dict[str, Any]:
    dictionary = document["data"]["dictionary"]
    features = dictionary["features"]["names"]
    texts = [name for name in dictionary if name != "features"]
    columns = [*((name, "sc:Text") for name in texts), *((name, "sc:Float") for name in features)]
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"rows/{name}",
            "name": name,
            **({"description": _meaning(dictionary[name])} if name in texts else {}),
            "dataType": kind,
            "source": {"fileObject": {"@id": table.name}, "extract": {"column": name}},
        }
        for name, kind in columns
    ]
    return {"@type": "cr:RecordSet", "@id": "rows", "name": "rows", "field": fields}


def _meaning(entry: Any) -> str:
    """Return in words what a column holds."""
    return str(entry["what"] if isinstance(entry, Mapping) else entry)


def _crate(document: Mapping[str, Any], files: list[Path]) -> dict[str, Any]:
    """Return an RO-Crate 1.1: the data files, what made them, and where the people came from."""
    parts = [
        {"@id": path.name, "@type": "File", "name": path.name, "encodingFormat": _TYPES[path.suffix],
         "contentSize": str(path.stat().st_size), "sha256": sha256(path)}
        for path in files
    ]  # fmt: skip
    parts.append(
        {"@id": CROISSANT, "@type": "File", "name": "Croissant metadata", "encodingFormat": "application/ld+json"}
    )
    parts.append(
        {"@id": DCAT, "@type": "File", "name": "HealthDCAT-AP metadata", "encodingFormat": "application/ld+json"}
    )
    software = {
        "@id": "#generator",
        "@type": "SoftwareApplication",
        "name": document["generator"]["name"],
        "softwareVersion": document["software"]["omics-bench"],
        "description": document["generator"]["summary"],
    }
    action = {
        "@id": "#release",
        "@type": "CreateAction",
        "name": f"release {document['release']}",
        "endTime": document["made"],
        "instrument": {"@id": "#generator"},
        "object": {"@id": "#people"},
        "result": [{"@id": part["@id"]} for part in parts if is_data(Path(str(part["@id"])))],
    }
    people = {
        "@id": "#people",
        "@type": "Dataset",
        "name": document["dataset"]["title"],
        "description": document["dataset"]["source"],
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{_called(document)}: {document['dataset']['title']}",
        "description": _description(document),
        "datePublished": document["made"],
        "license": _terms(document),
        "hasPart": [{"@id": part["@id"]} for part in parts],
        "mentions": [{"@id": "#release"}],
        "isBasedOn": {"@id": "#people"},
    }
    about = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }
    return {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [about, root, *parts, software, action, people],
    }
