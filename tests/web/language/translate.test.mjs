import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { afterEach, test } from "node:test";
import { parse } from "../../../nodes/web/lib/curve/curve.js";
import { presets } from "../../../nodes/web/lib/curve/presets.js";
import { positionText, spokenText } from "../../../nodes/web/lib/editor/tracks.js";
import { setLocale, translate } from "../../../nodes/web/lib/language/translate.js";
import { CHINESE } from "../../../nodes/web/lib/language/zh.js";
import { frameText } from "../../../nodes/web/lib/results/frames.js";

const read = (folder, isRead) => {
  const url = new URL(`../../../${folder}/`, import.meta.url);
  const paths = readdirSync(url, { recursive: true }).filter(isRead);
  return paths.map((path) => readFileSync(new URL(path, url), "utf8")).join("\n");
};
const sources = read("nodes/web", (path) => path.endsWith(".js") && !path.endsWith("zh.js"));
const sent = read("nodes", (path) => path.endsWith(".py")).replace(/"\s*\n\s*"/g, ""); // texts over several lines
const described = read("higen_core/mini", (path) => path.endsWith(".json")); // the words and pictures of mini
const placeholders = (text) => text.match(/\{\w+\}/g)?.sort() ?? [];

afterEach(() => setLocale("en"));

test("every text that the code translates is in the Chinese table", () => {
  const texts = [...sources.matchAll(/\b(?:translate|fail)\(\s*"([^"]+)"/g)].map(([, text]) => text);
  assert.ok(texts.length > 20);
  assert.deepEqual(
    texts.filter((text) => !(text in CHINESE)),
    [],
  );
});

test("every note that a node sends is in the Chinese table", () => {
  const constants = Object.fromEntries([...sent.matchAll(/^(\w+) = \(?\s*"([^"]+)"/gm)].map(([, name, text]) => [name, text]));
  const local = [...sent.matchAll(/\btext = \(?\s*"([^"]+)"/g)].map(([, text]) => text);
  const given = [...sent.matchAll(/\bnote\("([^"]+)"/g)].map(([, text]) => text);
  const named = [...sent.matchAll(/\bnote\(([A-Z]+)\b/g)].map(([, name]) => constants[name]);
  assert.ok(local.length > 1 && given.length > 0 && named.length > 1);
  assert.deepEqual(
    [...local, ...given, ...named].filter((text) => !(text in CHINESE)),
    [],
  );
});

test("the Chinese table has no text that is not in the code", () => {
  const unused = Object.keys(CHINESE).filter(
    (text) => ![sources, sent, described].some((code) => code.includes(`"${text}"`)) && !isKey(text),
  );
  assert.deepEqual(unused, []);
});

/** Whether a text is the key of an object in the code: a name of a cue or an overlay. */
const isKey = (text) => new RegExp(`^\\s*${text}: `, "m").test(sources);

test("a translation has the placeholders of its text, and is Chinese", () => {
  for (const [text, chinese] of Object.entries(CHINESE)) {
    assert.deepEqual(placeholders(chinese), placeholders(text), text);
    assert.match(chinese, /[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]/, text); // with the punctuation
  }
});

test("texts are in the frontend's language, and English without a table for it", () => {
  setLocale("zh");
  assert.equal(translate("Constant"), "常数");
  assert.equal(positionText(7 / 15, { frames: 16, fps: 8 }), "第 7 帧（0–15），0.88 秒");
  assert.equal(spokenText("motion", 0.52, 20_000), "运动 520 = 每帧变化满亮度的 2.6 %");
  assert.equal(frameText(7, { frames: 16, fps: 8 }), "第 7 帧（0–15）· 0.88 秒");
  assert.ok(presets(16).every(({ label }) => /[\u4e00-\u9fff]/.test(label)));
  assert.throws(() => parse("{bad"), { message: "不是 JSON：{bad" });
  for (const locale of ["fr", undefined]) {
    setLocale(locale);
    assert.equal(translate("Constant"), "Constant");
  }
});
