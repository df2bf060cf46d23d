/** @file Which browser it was, as far as its own word tells: people know "Firefox on Windows", not the word itself. */
import { say } from "./say.js";

/** The first that matches: each browser names those that it wants to be taken for as well. @type {[RegExp, string][]} */
const BROWSERS = [
  [/Edg(?:e|A|iOS)?\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\/|FxiOS\//, "Firefox"], [/SamsungBrowser\//, "Samsung Internet"],
  [/Chrom(?:e|ium)\/|CriOS\//, "Chrome"], [/Safari\//, "Safari"], [/^curl\//, "curl"], [/python/i, "Python"],
];
/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Android/, "Android"], [/Windows/, "Windows"], [/Mac OS X|Macintosh/, "macOS"], [/CrOS/, "ChromeOS"], [/Linux/, "Linux"],
];

/** @param {string} agent the User-Agent header @returns {string} "" when it says nothing */
export function browserName(agent) {
  const browser = BROWSERS.find(([mark]) => mark.test(agent))?.[1] ?? agent.split(/[ /]/)[0] ?? "";
  const system = SYSTEMS.find(([mark]) => mark.test(agent))?.[1];
  return browser && system ? say("browserOn", { browser, system }) : browser;
}
