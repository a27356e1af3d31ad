"""Every conditioning that ComfyUI can express works on a HiGen video, or is refused by name."""

import torch

from .graphs import difference, sampled


def left_and_right(video):
    return video[..., :4], video[..., 4:]


OTHER = "a red circle moving up on a green background"


def test_prompts_are_combined_concatenated_averaged_and_zeroed_out(server, graph, plain):
    """Applied before or after the cues, which stay with the conditioning."""
    other = graph.text(OTHER)
    both = graph.add("ConditioningCombine", conditioning_1=graph.prompts[0], conditioning_2=other)
    joined = graph.add("ConditioningConcat", conditioning_to=graph.prompts[0], conditioning_from=other)
    mixed = graph.add(
        "ConditioningAverage", conditioning_to=graph.prompts[0], conditioning_from=other, conditioning_to_strength=0.5
    )
    links = []
    for positive in (both, joined, mixed):
        graph.apply_cues(positive, graph.prompts[1])
        links.append(graph.ksampler())
    graph.apply_cues(*graph.prompts)
    zeroed = graph.add("ConditioningZeroOut", conditioning=graph.negative)
    links.append(graph.ksampler(negative=zeroed))
    unchanged = graph.add("ConditioningCombine", conditioning_1=graph.positive, conditioning_2=graph.positive)
    links.append(graph.ksampler(positive=unchanged))
    *changed, same = sampled(server, graph, *links)
    for video in changed:
        assert video.isfinite().all()
        assert difference(video, plain) > 1e-3
    torch.testing.assert_close(same, plain, atol=1e-3, rtol=1e-3)


def test_areas_and_masks_limit_a_prompt(server, graph, plain):
    other = graph.add("ConditioningCombine", conditioning_1=graph.prompts[0], conditioning_2=graph.text(OTHER))
    half = graph.add("SolidMask", value=1.0, width=32, height=64)
    empty = graph.add("SolidMask", value=0.0, width=64, height=64)
    mask = graph.add("MaskComposite", destination=empty, source=half, x=32, y=0, operation="add")
    masked = graph.add(
        "ConditioningSetMask", conditioning=graph.text(OTHER), mask=mask, strength=1.0, set_cond_area="default"
    )
    size = {"width": 0.5, "height": 1.0, "x": 0.5, "y": 0.0}
    area = graph.add("ConditioningSetAreaPercentage", conditioning=graph.text(OTHER), strength=1.0, **size)
    links = []
    for limited in (masked, area):
        positive = graph.add("ConditioningCombine", conditioning_1=graph.prompts[0], conditioning_2=limited)
        graph.apply_cues(positive, graph.prompts[1])
        links.append(graph.ksampler(steps=2))
    graph.apply_cues(other, graph.prompts[1])
    links.append(graph.ksampler(steps=2))
    graph.apply_cues(*graph.prompts)
    links.append(graph.ksampler(steps=2))
    *limited, everywhere, nowhere = sampled(server, graph, *links)
    for video in limited:
        left, right = (difference(*pair) for pair in zip(left_and_right(video), left_and_right(nowhere), strict=True))
        assert right > 2 * left
        assert difference(video, everywhere) > 1e-3


def test_cues_apply_in_parts_of_sampling(server, graph, plain):
    """Early motion of one schedule, late motion of another."""
    fast = graph.add("HiGenCueSchedule", frames=8, motion=900, appearance=0.0)

    def part(cues, start, end):
        graph.apply_cues(*graph.prompts, cues=cues)
        options = {"start": start, "end": end}
        return [
            graph.add("ConditioningSetTimestepRange", conditioning=prompt, **options)
            for prompt in (graph.positive, graph.negative)
        ]

    def sequence(first, then):
        pairs = zip(part(first, 0.0, 0.5), part(then, 0.5, 1.0), strict=True)
        positive, negative = (graph.add("ConditioningCombine", conditioning_1=a, conditioning_2=b) for a, b in pairs)
        return graph.ksampler(positive=positive, negative=negative)

    same, changed = sampled(server, graph, sequence(graph.cues, graph.cues), sequence(graph.cues, fast))
    torch.testing.assert_close(same, plain, atol=1e-3, rtol=1e-3)
    assert difference(changed, plain) > 0.01


def test_conditions_of_other_models_are_refused_by_name(server, graph):
    image = graph.add("EmptyImage", width=64, height=64, batch_size=1, color=0)
    latent = graph.add("VAEEncode", pixels=image, vae=graph.vae)
    reference = graph.add("ReferenceLatent", conditioning=graph.positive, latent=latent)
    graph.add("SaveLatent", samples=graph.ksampler(positive=reference), filename_prefix="tests/latent")
    run = server.run(graph.prompt)
    assert run.ending == "error"
    assert "positive: HiGen does not support reference latents (reference_latents)" in run.error


def test_a_prompt_without_cues_beside_one_with_cues_is_an_error(server, graph):
    graph.add("SaveLatent", samples=graph.ksampler(negative=graph.prompts[1]), filename_prefix="tests/latent")
    run = server.run(graph.prompt)
    assert run.ending == "error"
    assert "negative has no cues: connect positive and negative both through HiGen Apply Cues" in run.error
