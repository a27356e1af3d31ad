import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { parse } from "../../nodes/web/lib/curve.js";
import { frameText } from "../../nodes/web/lib/frames.js";
import { presets } from "../../nodes/web/lib/presets.js";
import { positionText, spoken } from "../../nodes/web/lib/tracks.js";
import { say, useLanguage } from "../../nodes/web/lib/words.js";
import { CHINESE } from "../../nodes/web/lib/words_zh.js";

const LIB = new URL("../../nodes/web/lib/", import.meta.url);
const sources = readdirSync(LIB)
  .filter((name) => name.endsWith(".js") && name !== "words_zh.js")
  .map((name) => readFileSync(new URL(name, LIB), "utf8"))
  .join("\n");
const blanks = (text) => text.match(/\{\w+\}/g)?.sort() ?? [];

afterEach(() => useLanguage("en"));

test("every text that the code says is in the Chinese table", () => {
  const said = [...sources.matchAll(/\b(?:say|refuse)\(\s*"([^"]+)"/g)].map(([, text]) => text);
  assert.ok(said.length > 20);
  assert.deepEqual(
    said.filter((text) => !(text in CHINESE)),
    [],
  );
});

test("the Chinese table has no text that the code does not say", () => {
  const unused = Object.keys(CHINESE).filter((text) => !sources.includes(`"${text}"`) && !named(text));
  assert.deepEqual(unused, []);
});

/** Texts that are object keys in the code: the cues' and the overlays' names. */
const named = (text) => new RegExp(`^\\s*${text}: `, "m").test(sources);

test("a translation has the same blanks as its text, and Chinese in it", () => {
  for (const [text, chinese] of Object.entries(CHINESE)) {
    assert.deepEqual(blanks(chinese), blanks(text), text);
    assert.match(chinese, /[\u4e00-\u9fff]/, text);
  }
});

test("the language is the frontend's, and English where there is no table", () => {
  useLanguage("zh");
  assert.equal(say("Constant"), "常数");
  assert.equal(positionText(7 / 15, { frames: 16, fps: 8 }), "第 7 帧（0.88 秒）");
  assert.equal(spoken("motion", 0.52, 20_000), "运动 520 = 每帧变化满量程的 2.6 %");
  assert.equal(frameText(7, { frames: 16, fps: 8 }), "第 7/15 帧 · 0.88 秒");
  assert.ok(presets(16).every(({ label }) => /[\u4e00-\u9fff]/.test(label)));
  assert.throws(() => parse("{bad"), { message: "不是 JSON：{bad" });
  for (const locale of ["fr", undefined]) {
    useLanguage(locale);
    assert.equal(say("Constant"), "Constant");
  }
});
