"""Reads a data set with the library that it is made for, and prints what that found: a JSON list of [split, pixels, labels].

Usage: loaders.py LIBRARY PATH. Pixels are the bytes of (images, rows, columns) in hexadecimal's SHA-256, labels a list or null.
"""

import hashlib
import json
import os
import sys


def found(split, images, labels):
    import numpy as np

    pixels = np.stack([np.asarray(image, dtype=np.uint8) for image in images])
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    return [split, list(pixels.shape), digest, None if labels is None else [int(label) for label in labels]]


def numpy_arrays(path):
    import numpy as np

    for split in ("train", "test"):
        archive = os.path.join(path, f"{split}.npz")
        if os.path.exists(archive):
            with np.load(archive) as arrays:
                yield found(split, arrays["images"], arrays["labels"])
        else:
            array = os.path.join(path, f"{split}.npy")
            yield found(split, np.load(array, mmap_mode="r"), np.load(array.replace(".npy", "-labels.npy")))


def torchvision_mnist(path):
    from torchvision.datasets import MNIST

    for split in ("train", "test"):
        data = MNIST(path, train=split == "train", download=False)
        items = [data[i] for i in range(len(data))]
        yield found(split, [image for image, _ in items], [label for _, label in items])


def torchvision_image_folder(path):
    from torchvision.datasets import ImageFolder

    for split in ("train", "test"):
        data = ImageFolder(os.path.join(path, split))
        names = [int(name) for name in data.classes]
        # The loader makes every picture RGB, of which grey ones have three equal channels; the order is that of the file names.
        items = sorted((os.path.basename(file), index) for index, (file, _) in enumerate(data.samples))
        pairs = [data[index] for _, index in items]
        for image, _ in pairs:
            red, green, blue = image.split()
            assert red.tobytes() == green.tobytes() == blue.tobytes()
        yield found(split, [image.split()[0] for image, _ in pairs], [names[label] for _, label in pairs])


def hugging_face(path):
    from datasets import load_dataset

    data = load_dataset(path, cache_dir=os.environ["HF_HOME"])
    for split in ("train", "test"):
        labels = data[split].features["label"]
        yield found(split, data[split]["image"], [int(labels.int2str(label)) for label in data[split]["label"]])


def hugging_face_image_folder(path):
    from datasets import load_dataset

    data = load_dataset(path, cache_dir=os.environ["HF_HOME"])
    for split in ("train", "test"):
        features = data[split].features["label"]
        rows = [(image.filename if hasattr(image, "filename") else "", image, label) for image, label in zip(data[split]["image"], data[split]["label"])]
        rows.sort(key=lambda row: os.path.basename(row[0]))
        yield found(split, [row[1] for row in rows], [int(features.int2str(row[2])) for row in rows])


def webdataset(path):
    import webdataset

    for split in ("train", "test"):
        files = sorted(os.path.join(path, name) for name in os.listdir(path) if name.startswith(f"{split}-"))
        data = webdataset.WebDataset(files, shardshuffle=False).decode("pil").to_tuple("png", "cls")
        items = list(data)
        yield found(split, [image.convert("L") for image, _ in items], [label for _, label in items])


def pyarrow(path):
    import io

    import pyarrow.parquet as parquet
    from PIL import Image

    folder = os.path.join(path, "data")
    for split in ("train", "test"):
        names = sorted(name for name in os.listdir(folder) if name.startswith(f"{split}-"))
        rows = [row for name in names for row in parquet.read_table(os.path.join(folder, name)).to_pylist()]
        images = [Image.open(io.BytesIO(row["image"]["bytes"])) for row in rows]
        yield found(split, images, [row["label"] for row in rows])


LIBRARIES = {
    "numpy": numpy_arrays,
    "torchvision-mnist": torchvision_mnist,
    "torchvision-image-folder": torchvision_image_folder,
    "datasets": hugging_face,
    "datasets-image-folder": hugging_face_image_folder,
    "webdataset": webdataset,
    "pyarrow": pyarrow,
}

library, folder = sys.argv[1:]
print(json.dumps(list(LIBRARIES[library](folder))))
