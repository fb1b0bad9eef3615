find_program(GIT git)
set(commit "unknown")
set(dirty "false")
if(GIT)
  execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse HEAD OUTPUT_VARIABLE commit
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(commit "unknown")
  else()
    execute_process(COMMAND ${GIT} -C ${SOURCE} status --porcelain --untracked-files=no
      OUTPUT_VARIABLE changes ERROR_QUIET)
    if(changes)
      set(dirty "true")
    endif()
  endif()
endif()
set(text "#define DIRTYWALK_VERSION \"${VERSION}\"
#define DIRTYWALK_COMMIT \"${commit}\"
#define DIRTYWALK_COMMIT_DIRTY ${dirty}
#define DIRTYWALK_COMPILER \"${COMPILER}\"
#define DIRTYWALK_BUILD_TYPE \"${BUILD_TYPE}\"
#define DIRTYWALK_LIBRARIES ${LIBRARIES}
")
set(old "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT old STREQUAL text)
  file(WRITE ${OUTPUT} "${text}")
endif()
