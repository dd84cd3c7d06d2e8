"use strict";
(function () {
  var box = document.getElementById("search"), query = document.getElementById("query");
  var all = Array.from(document.querySelectorAll(".finding"));
  var section = document.querySelector(".findings"), matches = document.getElementById("matches"), fold = document.getElementById("fold");
  if (!box || !section) return;
  box.hidden = false;
  query.addEventListener("input", function () {
    var words = query.value.toLowerCase().split(/\s+/).filter(Boolean), left = 0;
    all.forEach(function (f) {
      var hit = words.every(function (w) { return f.dataset.search.indexOf(w) >= 0; });
      f.classList.toggle("missed", !hit);
      if (hit) left++;
    });
    section.classList.toggle("searched", words.length > 0);
    matches.textContent = words.length ? left + " of " + all.length : "";
  });
  var label = function () { fold.textContent = all.some(function (f) { return f.open; }) ? "Close all" : "Open all"; };
  fold.addEventListener("click", function () {
    var close = all.some(function (f) { return f.open; });
    all.forEach(function (f) { f.open = !close; });
    label();
  });
  var reveal = function () {
    var f = document.getElementById(location.hash.slice(1));
    if (f && f.tagName === "DETAILS") f.open = true;
  };
  window.addEventListener("hashchange", reveal);
  reveal();
  label();
})();
