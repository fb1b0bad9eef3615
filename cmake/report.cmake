# report.html: the page in analysis/report/ and Debian's Chart.js become one C file; without the library reports have tables
# only. Where Debian's text of its licence was left out, as images for containers do, its own heading and the terms of MIT,
# which are those of dirtywalk too, take its place.
set(DIRTYWALK_CHART_JS "/usr/share/javascript/chart.js/chart.min.js" CACHE FILEPATH
  "Chart.js 3, put into the reports; empty: none")
set(DIRTYWALK_CHART_LICENCE "/usr/share/doc/libjs-chart.js/copyright" CACHE FILEPATH "Its licence, which goes with it")
set(chart_js "")
set(DIRTYWALK_CHARTS OFF)
if(DIRTYWALK_CHART_JS AND EXISTS "${DIRTYWALK_CHART_JS}")
  set(chart_js ${DIRTYWALK_CHART_JS})
  if(EXISTS "${DIRTYWALK_CHART_LICENCE}")
    list(APPEND chart_js ${DIRTYWALK_CHART_LICENCE})
  else()
    list(APPEND chart_js ${CMAKE_SOURCE_DIR}/LICENSE)
  endif()
  set(DIRTYWALK_CHARTS ON)
else()
  message(STATUS "No Chart.js (Debian: libjs-chart.js): reports will have tables only")
endif()
set(page ${CMAKE_SOURCE_DIR}/analysis/report)
file(GLOB page_files CONFIGURE_DEPENDS ${page}/*.js ${page}/plots/*.js ${page}/*.css ${page}/*.html)
set(DIRTYWALK_REPORT_PAGE ${CMAKE_BINARY_DIR}/generated/report_page.c)
add_custom_command(OUTPUT ${DIRTYWALK_REPORT_PAGE}
  COMMAND ${CMAKE_COMMAND} -D OUTPUT=${DIRTYWALK_REPORT_PAGE} -D PAGE=${page} -D "CHART_JS=${chart_js}"
    -P ${CMAKE_SOURCE_DIR}/cmake/write_page.cmake
  DEPENDS ${page_files} ${chart_js} ${CMAKE_SOURCE_DIR}/cmake/write_page.cmake VERBATIM)
