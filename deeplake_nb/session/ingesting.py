"""Datasets made of collections of files, and of tables."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import MissingDependencyError, SampleError
from deeplake_nb.session.arguments import discreet, sealed_token
from deeplake_nb.session.copying import Copying
from deeplake_nb.session.ingest.ingestion import told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.format.samples import Link, Sample
    from deeplake_nb.session.arguments import Path
    from deeplake_nb.session.ingest.folder import Folder
    from deeplake_nb.session.ingest.ingestion import Ingestion

    Params = dict[str, Any] | None


class Ingesting(Copying):
    """Makes datasets of what is there in other forms.

    All its methods take ``connect_kwargs`` (the new dataset gets a name in a hub, as by ``Dataset.connect``) and what
    ``empty`` takes; ``num_workers`` has no effect, files are fetched many at a time as it is.
    """

    read: Callable[..., Sample]
    link: Callable[..., Link]

    def ingest_classification(  # noqa: PLR0917 - v3's signature
        self,
        src: Path,
        dest: Path,
        image_params: Params = None,
        label_params: Params = None,
        dest_creds: Any = None,
        progressbar: bool = True,
        summary: bool = True,
        num_workers: int = 0,  # noqa: ARG002 - v3's argument
        shuffle: bool = True,
        token: Any = None,
        connect_kwargs: Params = None,
        src_creds: Any = None,
        **dataset_kwargs: Any,
    ) -> Dataset:
        """Make a dataset of images that lie in folders named as their classes.

        ``cats/a.jpg`` becomes a row of ``images`` and ``labels``; where there are several sets (``train/cats/a.jpg``,
        ``val/cats/b.jpg``), of the group ``train`` or ``val``. A CSV file is taken as a table.

        Args:
            src: the folder, of any storage, or a local CSV file.
            dest: where the dataset goes.
            image_params: arguments of ``create_tensor``, and ``name``, for the images; ``htype="link[image]"`` links.
            label_params: the same for the labels.
            dest_creds: credentials of ``dest``.
            progressbar: show how far it is.
            summary: warn of files that could not be stored; they have empty samples.
            num_workers: changes nothing.
            shuffle: take the images in random order.
            token: of a hub's server.
            connect_kwargs: see the class.
            src_creds: credentials of ``src``.
            dataset_kwargs: what ``empty`` takes.

        Raises:
            SampleError: no images there, or outside of folders of classes.
            DatasetExistsError: something is at ``dest``.
        """
        src, src_creds = discreet(src, src_creds)
        dest, dest_creds = discreet(dest, dest_creds)
        token = sealed_token(token)
        more = {"token": token, "connect_kwargs": connect_kwargs, **dataset_kwargs}
        if str(src).lower().endswith((".csv", ".txt")):
            return self.ingest_dataframe(_table(src), dest, dest_creds=dest_creds, progressbar=progressbar, **more)
        from deeplake_nb.session.ingest.classification import classification

        folder = self._folder(src, src_creds)
        found = classification(folder, image_params, label_params, shuffle=shuffle)
        ds, left_out = self._ingested(found, dest, dest_creds, progressbar=progressbar, **more)
        told(left_out if summary else (), folder)
        return ds

    def ingest_coco(  # noqa: PLR0917 - v3's signature
        self,
        images_directory: Path,
        annotation_files: Path | Sequence[Path],
        dest: Path,
        key_to_tensor_mapping: Mapping[str, str] | None = None,
        file_to_group_mapping: Mapping[str, str] | None = None,
        ignore_one_group: bool = True,
        ignore_keys: Sequence[str] | None = None,
        image_params: Params = None,
        image_creds_key: str | None = None,
        src_creds: Any = None,
        dest_creds: Any = None,
        inspect_limit: int = 1_000_000,
        progressbar: bool = True,
        shuffle: bool = False,
        num_workers: int = 0,  # noqa: ARG002 - v3's argument
        token: Any = None,
        connect_kwargs: Params = None,
        **dataset_kwargs: Any,
    ) -> Dataset:
        """Make a dataset of images and COCO annotation files.

        A row has an image, and for each key of the annotations (``bbox``, ``category_id``, ``segmentation``, ...) the
        values of all annotations of that image.

        Args:
            images_directory: the folder of the images.
            annotation_files: JSON files.
            dest: where the dataset goes.
            key_to_tensor_mapping: names of tensors by key, where they differ.
            file_to_group_mapping: names of groups by annotation file; otherwise the file's own, without its ending.
            ignore_one_group: no group where there is one annotation file.
            ignore_keys: keys to leave out.
            image_params: arguments of ``create_tensor``, and ``name``, for the images; ``htype="link[image]"`` links.
            image_creds_key: the managed key that the dataset's links use.
            src_creds: credentials of the images and files.
            dest_creds: credentials of ``dest``.
            inspect_limit: so many annotations say which keys there are.
            progressbar: show how far it is.
            shuffle: take the images in random order.
            num_workers: changes nothing.
            token: of a hub's server.
            connect_kwargs: see the class.
            dataset_kwargs: what ``empty`` takes.

        Raises:
            SampleError: no images, a file that is none, or an image without an entry.
            DatasetExistsError: something is at ``dest``.
        """
        from deeplake_nb.session.ingest.coco import Annotations, coco

        images_directory, src_creds = discreet(images_directory, src_creds)
        dest, dest_creds = discreet(dest, dest_creds)
        token = sealed_token(token)
        more = {"token": token, "connect_kwargs": connect_kwargs, **dataset_kwargs}
        files = annotation_files if isinstance(annotation_files, list | tuple) else [annotation_files]
        stems = {PurePosixPath(name).stem: group for name, group in (file_to_group_mapping or {}).items()}
        read = []
        for file in files:
            folder, name = self._file(file, src_creds)  # type: ignore[arg-type]
            stem = PurePosixPath(name).stem
            group = "" if ignore_one_group and len(files) == 1 else f"{stems.get(stem, stem)}/"
            what = f"{folder}/{name}"
            read.append(Annotations.read(folder.text(name), what, group, set(ignore_keys or ()), inspect_limit))
        images = self._folder(images_directory, src_creds, image_creds_key)
        found = coco(images, read, key_to_tensor_mapping or {}, image_params, shuffle=shuffle)
        return self._ingested(found, dest, dest_creds, image_creds_key, progressbar=progressbar, **more)[0]

    def ingest_yolo(  # noqa: PLR0917 - v3's signature
        self,
        data_directory: Path,
        dest: Path,
        class_names_file: Path | None = None,
        annotations_directory: Path | None = None,
        allow_no_annotation: bool = False,
        image_params: Params = None,
        label_params: Params = None,
        coordinates_params: Params = None,
        src_creds: Any = None,
        dest_creds: Any = None,
        image_creds_key: str | None = None,
        inspect_limit: int = 1000,
        progressbar: bool = True,
        shuffle: bool = False,
        num_workers: int = 0,  # noqa: ARG002 - v3's argument
        token: Any = None,
        connect_kwargs: Params = None,
        **dataset_kwargs: Any,
    ) -> Dataset:
        """Make a dataset of images and YOLO text files: ``images``, ``labels``, and ``boxes`` or ``polygons``.

        Args:
            data_directory: the folder of the images.
            dest: where the dataset goes.
            class_names_file: a text file with a name of a class in each line.
            annotations_directory: the folder of the text files, if it is another.
            allow_no_annotation: take images without a text file, with nothing in them.
            image_params: arguments of ``create_tensor``, and ``name``, for the images; ``htype="link[image]"`` links.
            label_params: the same for the labels.
            coordinates_params: the same for the boxes or polygons; ``htype`` says which.
            src_creds: credentials of the images and files.
            dest_creds: credentials of ``dest``.
            image_creds_key: the managed key that the dataset's links use.
            inspect_limit: so many text files say whether there are boxes or polygons.
            progressbar: show how far it is.
            shuffle: take the images in random order.
            num_workers: changes nothing.
            token: of a hub's server.
            connect_kwargs: see the class.
            dataset_kwargs: what ``empty`` takes.

        Raises:
            SampleError: no images, an image without annotations, or a line that is none.
            DatasetExistsError: something is at ``dest``.
        """
        from deeplake_nb.session.ingest.yolo import yolo

        data_directory, src_creds = discreet(data_directory, src_creds)
        dest, dest_creds = discreet(dest, dest_creds)
        token = sealed_token(token)
        more = {"token": token, "connect_kwargs": connect_kwargs, **dataset_kwargs}
        images = self._folder(data_directory, src_creds, image_creds_key)
        texts = images if annotations_directory is None else self._folder(annotations_directory, src_creds)
        names = None
        if class_names_file is not None:
            folder, name = self._file(class_names_file, src_creds)
            names = folder.text(name).splitlines()
        found = yolo(
            images,
            texts,
            names,
            (image_params, label_params, coordinates_params),
            allow_no_annotation=allow_no_annotation,
            inspect_limit=inspect_limit,
            shuffle=shuffle,
        )
        return self._ingested(found, dest, dest_creds, image_creds_key, progressbar=progressbar, **more)[0]

    def ingest_dataframe(  # noqa: PLR0917 - v3's signature
        self,
        src: Any,
        dest: Path,
        column_params: Mapping[str, Mapping[str, Any]] | None = None,
        src_creds: Any = None,
        dest_creds: Any = None,
        creds_key: str | None = None,
        progressbar: bool = True,
        token: Any = None,
        connect_kwargs: Params = None,
        **dataset_kwargs: Any,
    ) -> Dataset:
        """Make a dataset of a pandas table: a tensor for each column.

        Args:
            src: a ``pandas.DataFrame``.
            dest: where the dataset goes.
            column_params: arguments of ``create_tensor``, and ``name``, by column; ``{"htype": "image"}`` takes its
                values as paths of files, ``{"htype": "link[image]"}`` links to them.
            src_creds: credentials of files.
            dest_creds: credentials of ``dest``.
            creds_key: the managed key that the dataset's links use.
            progressbar: show how far it is.
            token: of a hub's server.
            connect_kwargs: see the class.
            dataset_kwargs: what ``empty`` takes.

        Raises:
            SampleError: no table, or a column of several kinds of values.
            DatasetExistsError: something is at ``dest``.
        """
        from deeplake_nb.session.ingest.dataframe import dataframe

        dest, dest_creds = discreet(dest, dest_creds)
        src, src_creds = discreet(src, src_creds)
        token = sealed_token(token)
        more = {"token": token, "connect_kwargs": connect_kwargs, **dataset_kwargs}
        read, link = partial(self.read, creds=src_creds), partial(self.link, creds_key=creds_key)
        found = dataframe(src, column_params, read, link)
        return self._ingested(found, dest, dest_creds, creds_key, progressbar=progressbar, **more)[0]

    # ------------------------------------------------------------------ inside

    def _ingested(
        self,
        found: Ingestion,
        dest: Path,
        creds: Any,
        creds_key: str | None = None,
        *,
        progressbar: bool,
        connect_kwargs: Params = None,
        **options: Any,
    ) -> tuple[Dataset, list[str]]:
        ds = self.empty(dest, creds=creds, **options)
        if connect_kwargs is not None:
            ds.connect(**connect_kwargs)
        if creds_key is not None:
            ds.add_creds_key(creds_key, managed=True)
        left_out = found.into(ds, progressbar=progressbar)
        return ds, left_out

    def _folder(self, path: Path, creds: Any, creds_key: str | None = None) -> Folder:
        from deeplake_nb.session.ingest.folder import Folder

        return Folder(self.storage(path, creds), creds_key)

    def _file(self, path: Path, creds: Any) -> tuple[Folder, str]:
        """The folder that a file lies in, and its name there."""
        from deeplake_nb.urls import parse

        url = parse(path)
        return self._folder(url.parent, creds), url.name


def _table(path: Path) -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError("reading a CSV file needs pandas: pip install pandas") from error
    try:
        return pd.read_csv(path, quotechar='"', skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise SampleError(f"{path} cannot be read as a table: {error}") from error
