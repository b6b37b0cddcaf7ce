"""Images from the files that people have, and every wrong file with the words that say how to mend it."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runs
from numpy.typing import NDArray
from PIL import Image

from bench import DataError, Images
from bench.datasets import dataset_names, load_dataset, where_is
from bench.datasets.importing import import_images
from bench.datasets.readers.image_files import halved, read_idx, read_image_npz, read_png_folder

N, SIDE = 12, 4


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("BENCH_DATA_HOME", str(folder))
    return folder


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (N, SIDE, SIDE), dtype=np.uint8)


def labels_of(n: int) -> NDArray[np.uint8]:
    return (np.arange(n) % 2).astype(np.uint8)


def idx(path: Path, values: NDArray[np.uint8]) -> Path:
    """Write an idx file, gzipped if the name says so; by hand, from the format's description."""
    held = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(held) if path.suffix == ".gz" else held)
    return path


def png_folder(folder: Path, pixels: NDArray[np.uint8], mode: str | None = None) -> tuple[Path, Path]:
    folder.mkdir()
    lines = ["file,label,patient"]
    for i, values in enumerate(pixels):
        image = Image.fromarray(values)
        (image.convert(mode) if mode else image).save(folder / f"i{i}.png")
        lines.append(f"i{i}.png,{'ab'[i % 2]},p{i // 2}")
    table = folder.parent / "labels.csv"
    table.write_text("\n".join(lines) + "\n")
    return folder, table


# -- the ways in -------------------------------------------------------------------------------------------------------


def test_an_npz_of_medmnist_becomes_a_cohort_and_a_reference(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    y = labels_of(N)
    np.savez(
        tmp_path / "med.npz", train_images=pixels[:8], train_labels=y[:8, None], val_images=pixels[8:],
        val_labels=y[8:, None],
    )  # fmt: skip
    import_images("mine", tmp_path / "med.npz")
    found = load_dataset("mine")
    assert isinstance(found.cohort, Images)
    assert isinstance(found.reference, Images)
    np.testing.assert_array_equal(found.cohort.pixels[..., 0], pixels[:8])
    np.testing.assert_array_equal(found.reference.pixels[..., 0], pixels[8:])
    assert (found.modality, found.cohort.y.tolist(), where_is("mine")) == ("images", ["0", "1"] * 4, "imported")


@pytest.mark.parametrize("ending", [".idx", ".gz"])
def test_idx_files_are_read_as_they_were_written(tmp_path: Path, pixels: NDArray[np.uint8], ending: str) -> None:
    np.testing.assert_array_equal(read_idx(idx(tmp_path / f"images{ending}", pixels)), pixels)
    labels = idx(tmp_path / f"labels{ending}", labels_of(N))
    found = import_images("mine", tmp_path / f"images{ending}", labels).cohort
    assert isinstance(found, Images)
    assert found.shape == (SIDE, SIDE, 1)


def test_a_folder_of_png_files_is_read_in_the_order_of_its_labels(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    folder, table = png_folder(tmp_path / "scans", pixels)
    done = runs.bench(
        tmp_path, "data", "import", "scans", "--images", str(folder), "--labels", str(table), "--donors", "patient"
    )
    assert "12 samples of 6 donors x 16 features, 2 classes" in done.stdout
    found = load_dataset("scans").cohort
    assert isinstance(found, Images)
    np.testing.assert_array_equal(found.pixels[..., 0], pixels)
    assert (found.samples[2], found.y[1]) == ("i2.png", "b")


def test_the_digits_are_there_without_a_file() -> None:
    digits = load_dataset("digits")
    assert isinstance(digits.cohort, Images)
    assert (len(digits.cohort), digits.cohort.shape, len(digits.cohort.classes)) == (1797, (8, 8, 1), 10)
    assert {"digits", "pneumoniamnist", "mnist14"} <= set(dataset_names())
    assert (where_is("digits"), where_is("mnist")) == ("installed", "absent")
    with pytest.raises(DataError, match=r"'mnist' is not here: there is no mnist/train-images-idx3-ubyte.gz in"):
        load_dataset("mnist")


def test_a_known_set_leaves_repeats_out_and_says_how_many(home: Path, pixels: NDArray[np.uint8]) -> None:
    train = np.concatenate([pixels, pixels[:3]])
    y = np.concatenate([labels_of(N), labels_of(3)])
    np.savez(home / "pneumoniamnist.npz", train_images=train, train_labels=y, val_images=255 - pixels[:2],
             val_labels=labels_of(2))  # fmt: skip
    found = load_dataset("pneumoniamnist14")
    assert isinstance(found.cohort, Images)
    assert (len(found.cohort), found.cohort.shape, found.cohort.y[0]) == (N, (2, 2, 1), "normal")
    assert found.source.endswith("3 images that equal an earlier one were left out")
    block = pixels[5, 2:, :2].astype(float)
    assert found.cohort.pixels[5, 1, 0, 0] == pytest.approx(block.mean() / 255)


def test_halving_takes_the_mean_of_four(pixels: NDArray[np.uint8]) -> None:
    images = Images(pixels=pixels[..., None], y=labels_of(N).astype(str), samples=tuple(map(str, range(N))))
    by_hand = pixels[:, ::2, ::2] / 4 + pixels[:, 1::2, ::2] / 4 + pixels[:, ::2, 1::2] / 4 + pixels[:, 1::2, 1::2] / 4
    np.testing.assert_allclose(halved(images).pixels[..., 0], by_hand / 255, atol=1e-6)


# -- wrong files -------------------------------------------------------------------------------------------------------


def arrays(**changed: Any) -> dict[str, Any]:
    good = np.random.default_rng(3).integers(0, 256, (N, SIDE, SIDE), dtype=np.uint8)
    return {"images": good, "labels": labels_of(N)} | changed


NAN = np.full((N, SIDE, SIDE), 0.5)
NAN[3, 1, 2] = np.nan
WRONG = {
    "16 bits": (arrays(images=np.full((N, SIDE, SIDE), 40_000, dtype=np.uint16)), "have 16-bit pixels"),
    "alpha": (arrays(images=np.zeros((N, SIDE, SIDE, 4), dtype=np.uint8)), "have an alpha channel"),
    "channels": (arrays(images=np.zeros((N, SIDE, SIDE, 5), dtype=np.uint8)), "have 5 channels"),
    "nan": (arrays(images=NAN), r"image '\w+_3' has the value nan"),
    "too bright": (arrays(images=np.full((N, SIDE, SIDE), 200.0)), "has the value 200.0"),
    "one class": (arrays(labels=np.zeros(N, dtype=int)), "all labels are '0'"),
    "a class of one": (arrays(labels=np.arange(N) == 4), "class 'True' has one sample"),
    "too few labels": (arrays(labels=labels_of(N - 1)), "12 images and 11 labels"),
    "no labels": ({"images": arrays()["images"]}, "no labels; expected"),
    "other names": ({"x": arrays()["images"]}, "holds the arrays x; expected train_images"),
    "one grey": (arrays(images=np.zeros((N, SIDE, SIDE), dtype=np.uint8)), "every pixel has the value 0"),
    "flat": (arrays(images=np.zeros((N, 16), dtype=np.uint8)), r"uint8 of shape \(12, 16\)"),
    "mixed sizes": (arrays(images=np.array([np.zeros((k, k)) for k in range(1, N + 1)], dtype=object)), "is pickled"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_arrays_that_are_no_images_are_refused(case: str, tmp_path: Path) -> None:
    held, message = WRONG[case]
    np.savez(tmp_path / "wrong.npz", **held)
    with pytest.raises(DataError, match=message):
        import_images("mine", tmp_path / "wrong.npz")
    assert where_is("mine") == "absent"


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    held = np.empty(N, dtype=object)
    held[:] = [Trap(tmp_path / "sprung")] * N
    np.savez(tmp_path / "trap.npz", images=held, labels=held)
    with pytest.raises(DataError, match="is pickled, and unpickling would run whatever is in it"):
        read_image_npz(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()


def test_a_bomb_is_refused_before_memory_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 28, 28)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", head.getvalue() + bytes(1000))
    with pytest.raises(DataError, match=r"images.npy says that it has 784000000000 bytes, and holds 1128"):
        read_image_npz(path)
    large = tmp_path / "large.gz"
    large.write_bytes(gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 10**6, 512, 512)))
    with pytest.raises(DataError, match=r"unpacks to 262.1 GB, and 2.1 GB is the most"):
        read_idx(large)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "zeros.npz", images=np.zeros((1000, 28, 28), dtype=np.uint8), labels=labels_of(1000))
    monkeypatch.setattr("bench.datasets.readers.image_files.LIMIT", 500_000)
    with pytest.raises(DataError, match=r"zeros.npz unpacks to 0.0 GB"):
        read_image_npz(tmp_path / "zeros.npz")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda held: held[:-5], "says that it holds 192 bytes, and holds 187"),
        (lambda held: held + b"x", "says that it holds 192 bytes, and holds more"),
        (lambda held: b"\0\0\x0d" + held[3:], "begins with the bytes 00 00 0d 03"),
        (lambda held: held[:9], "ends before its header"),
        (lambda held: gzip.compress(held)[:-20], "cannot be read as an idx file"),
    ],
)
def test_damaged_idx_files_are_refused(spoil: Any, message: str, tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    path = idx(tmp_path / "images.idx", pixels)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=message):
        read_idx(path)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "cut.npz", **arrays())
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:-60])
    with pytest.raises(DataError, match="cannot be read as an npz file"):
        read_image_npz(tmp_path / "cut.npz")


def test_png_files_that_do_not_fit_are_refused(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    folder, table = png_folder(tmp_path / "scans", pixels)
    good = (folder / "i3.png").read_bytes()

    def refused(message: str) -> None:
        with pytest.raises(DataError, match=message):
            read_png_folder(folder, table)

    for mode, message in (("RGBA", "has an alpha channel"), ("I;16", "has 16 bits a pixel"), ("P", "has a palette")):
        Image.fromarray(pixels[3]).convert(mode).save(folder / "i3.png")
        refused(f"i3.png {message}; expected 8-bit grey or RGB")
    Image.fromarray(pixels[3]).resize((5, 4)).save(folder / "i3.png")
    refused("i3.png is 5 x 4 pixels, and 'i0.png' is 4 x 4 pixels")
    Image.new("L", (2000, 3)).save(folder / "i3.png")
    refused("2000 x 3 pixels; expected at most 1024")
    (folder / "i3.png").write_bytes(good[:-20])
    refused("i3.png is damaged or no PNG file")
    (folder / "i3.png").write_text("no picture")
    refused("i3.png is damaged or no PNG file")
    (folder / "i3.png").unlink()
    refused("names 'i3.png', which is not among the 11 PNG files")
    (folder / "i3.png").write_bytes(good)
    (folder / "other.png").write_bytes(good)
    refused("holds 'other.png', and .* has no label")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,kind\ni0.png,a\n", "has no column 'label' or 'class'"),
        ("file,label\ni0.png,\n", "row 2: column 'label' is empty"),
        ("file,label\n", "has no rows"),
    ],
)
def test_a_labels_file_that_says_too_little_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_png_folder(tmp_path, tmp_path / "labels.csv")


def test_labels_belong_where_the_format_has_none(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    np.savez(tmp_path / "a.npz", **arrays())
    with pytest.raises(DataError, match="holds its labels itself"):
        import_images("mine", tmp_path / "a.npz", tmp_path / "labels.csv")
    with pytest.raises(DataError, match="has no labels in it"):
        import_images("mine", idx(tmp_path / "a.idx", pixels))
    said = runs.bench(tmp_path, "data", "import", "mine")
    assert said.returncode == 2
    assert "--counts with a matrix, or --images" in said.stderr


# -- the command -------------------------------------------------------------------------------------------------------


def test_images_have_a_default_dataset(tmp_path: Path) -> None:
    words = "run --modality images --generators noise --metrics mmd --attacks mc --folds 1 --dry-run"
    assert "digits: 1797 samples x 64 features, 10 classes" in runs.bench(tmp_path, *words.split()).stderr
    said = runs.bench(tmp_path, *words.replace("--modality images", "--modality images --dataset brca").split())
    assert said.returncode == 2
    assert "dataset 'brca' is of expression, and --modality says images" in said.stderr
