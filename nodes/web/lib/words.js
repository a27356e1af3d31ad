/** The pack's own words on the page, in the frontend's language. English texts are the keys: the code reads plainly. */

import { CHINESE } from "./words_zh.js";

const TABLES = { zh: CHINESE };
let table = {};

/** `locale` as in the frontend's setting Comfy.Locale; what has no table here stays English. */
export function useLanguage(locale) {
  table = TABLES[locale] ?? {};
}

/** A text in the language in use, with each {name} in it replaced by that value. */
export const say = (text, values = {}) => (table[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
