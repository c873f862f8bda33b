"""The other virtual rigs: each differs from the first in one thing, sees everybody, and leaves the first as it was."""

from pathlib import Path

import numpy as np
import pytest
from asf_files import write_hdm05
from tiny import STANDING

from posebench.cameras import Camera, project, world_to_camera
from posebench.datasets.hdm05 import Hdm05
from posebench.datasets.human36m_cameras import LENSES
from posebench.datasets.library import load_dataset, prepare_dataset, prepared_forms
from posebench.datasets.openbiomechanics.adapter import INDOOR_RIGS, OpenBiomechanics
from posebench.datasets.virtual_rig import MARGIN, RIG, RIGS, inside_image, virtual_cameras
from posebench.datasets.write_store import write_store
from posebench.errors import DataMissingError
from posebench.plugin import RIGS as REGISTERED
from posebench.protocols.resolve import resolve_protocol
from posebench.registry.decorators import PROTOCOLS
from posebench.registry.plugins import load_plugins

WALK = STANDING + np.linspace(0, 800, 20)[:, None, None] * np.array([1.0, 0.0, 0.0])


def distances(cameras: tuple[Camera, ...]) -> np.ndarray:
    middle = (WALK[0, 0, :2] + WALK[-1, 0, :2]) / 2
    return np.array([np.hypot(*(np.array(camera.position[:2]) - middle)) for camera in cameras])


@pytest.mark.parametrize("name", RIGS)
def test_everybody_is_in_view_of_every_rig(name: str) -> None:
    cameras = virtual_cameras(WALK, RIGS[name])
    assert len(cameras) == 4
    for camera in cameras:
        assert inside_image(WALK, camera, MARGIN).all()


def test_each_rig_differs_in_what_its_name_says() -> None:
    plain = virtual_cameras(WALK)
    seen = {name: virtual_cameras(WALK, rig) for name, rig in RIGS.items()}
    for name, cameras in seen.items():
        for own, camera in zip(plain, cameras, strict=True):
            # The same directions, images and distortion, whichever rig it is.
            assert (own.name, own.image_size, own.center, own.radial) == (
                camera.name, camera.image_size, camera.center, camera.radial,
            )  # fmt: skip
            assert (own.focal == camera.focal) == (not name.startswith("focal"))
            assert (own.position[2] == camera.position[2]) == (name not in ("low", "high"))
    assert {camera.position[2] for camera in seen["low"]} == {400.0}
    assert {camera.position[2] for camera in seen["high"]} == {4000.0}
    assert (distances(seen["near"]) < 0.75 * distances(plain)).all()
    np.testing.assert_allclose(distances(seen["far"]), 2 * distances(plain), atol=1.0)
    for name in ("low", "high", "focal-0.8"):
        np.testing.assert_allclose(distances(seen[name]), distances(plain), atol=1.0)
    assert {camera.focal for camera in seen["focal-0.8"]} == {(800.0, 800.0)}
    assert {camera.focal for camera in seen["focal-1.8"]} == {(1800.0, 1800.0)}


def test_a_nearer_camera_sees_more_perspective() -> None:
    def ratio(cameras: tuple[Camera, ...]) -> float:
        """How much larger the image is of a stick a metre nearer to the camera than another."""
        heights = []
        for depth in (0.0, 1000.0):
            away = np.array([camera.position for camera in cameras[:1]])[0] * [1, 1, 0]
            base = STANDING[0] * [1, 1, 0] + away / np.linalg.norm(away) * depth
            stick = np.stack([base, base + np.array([0, 0, 900])])[None]
            pixels = project(world_to_camera(stick, cameras[0]), cameras[0])[0]
            heights.append(abs(pixels[0, 1] - pixels[1, 1]))
        return heights[1] / heights[0]

    assert ratio(virtual_cameras(WALK, RIGS["near"])) > ratio(virtual_cameras(WALK)) + 0.1
    assert ratio(virtual_cameras(WALK, RIGS["far"])) < ratio(virtual_cameras(WALK)) - 0.05


def test_the_first_rig_and_the_store_that_it_makes_are_what_they_were(tmp_path: Path) -> None:
    assert [mount.lens.focal for mount in RIG] == [lens.focal for lens in LENSES]
    clips = {"bd_squat1Reps_001": 7, "dg_squat1Reps_025": 5, "tr_grabHighR_019": 8}
    source = write_hdm05(tmp_path / "source", clips)
    adapter = Hdm05()
    assert [form.name for form in adapter.forms] == ["", *RIGS]
    stores = {
        form.name: write_store(adapter, form, adapter.clips(source, form), tmp_path / f"{form.name}.safetensors")
        for form in adapter.forms
    }
    # Made before there were other rigs.
    assert stores[""].fingerprint == BEFORE
    assert len({store.fingerprint for store in stores.values()}) == len(stores)
    for store in stores.values():
        assert [info.id for info in store.sequences("all")] == [info.id for info in stores[""].sequences("all")]
        clip = store.sequences("all")[0].clip_id
        assert (store.world(clip) == stores[""].world(clip)).all()


@pytest.mark.usefixtures("own_data_folder")
def test_a_rig_is_made_of_the_remembered_files_when_it_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(
        DataMissingError, match=r"'hdm05' in its form 'low' is not prepared .* data prepare hdm05 --source"
    ):
        load_dataset("hdm05", "low")
    source = write_hdm05(tmp_path / "source", {"bd_squat1Reps_001": 7, "tr_grabHighR_019": 8})
    (own,) = prepare_dataset("hdm05", source)
    assert prepared_forms(Hdm05()) == ("",)
    low = load_dataset("hdm05", "low")
    assert (low.form, low.fingerprint == own.fingerprint) == ("low", False)
    assert load_dataset("hdm05", "low").fingerprint == low.fingerprint
    assert prepared_forms(Hdm05()) == ("", "low")


def test_every_rig_has_its_protocol_on_both_data_sets() -> None:
    load_plugins()
    assert tuple(RIGS) == REGISTERED
    assert [form.name for form in OpenBiomechanics.forms][3:] == list(INDOOR_RIGS) == ["rig", *RIGS]
    for dataset, forms in (("hdm05", ("", *RIGS)), ("openbiomechanics", ("", *INDOOR_RIGS))):
        for form in forms:
            protocol = resolve_protocol(f"{dataset}/transfer-{form}" if form else f"{dataset}/transfer")
            assert (protocol.inputs.form, protocol.inputs.keep_every, protocol.inputs.source) == (form, 8, "simulated")
            assert protocol.scoring.aggregates == ("p-agg",)
        assert len(PROTOCOLS.names(f"{dataset}/transfer*")) == len(forms)


BEFORE = "28a112e6a3624f890643e7407e1177a96aa04f1e78a74d00976feb653a6364b1"
