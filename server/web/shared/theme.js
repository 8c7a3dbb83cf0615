// Chooses light or dark before the page is drawn, so it is no module. Nothing chosen: as the system.

const THEME = "loralei.theme";
const BARS = { light: "#ffffff", dark: "#141c1a" };

function applyTheme() {
  const theme = localStorage.getItem(THEME) ?? "system";
  const root = document.documentElement;
  if (theme in BARS) root.dataset.theme = theme;
  else delete root.dataset.theme;
  const isDark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.querySelector("meta[name=theme-color]")?.setAttribute("content", isDark ? BARS.dark : BARS.light);
}

function offerThemes() {
  const choice = /** @type {HTMLSelectElement | null} */ (document.getElementById("theme"));
  if (!choice) return;
  choice.value = localStorage.getItem(THEME) ?? "system";
  choice.addEventListener("change", () => {
    if (choice.value in BARS) localStorage.setItem(THEME, choice.value);
    else localStorage.removeItem(THEME);
    applyTheme();
  });
}

applyTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);
window.addEventListener("storage", (event) => event.key === THEME && applyTheme());
document.addEventListener("DOMContentLoaded", offerThemes);
