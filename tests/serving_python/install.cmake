# Installs REQUIREMENTS into the folder PACKAGES with PYTHON's pip, once.
if(EXISTS "${PACKAGES}/.complete")
  return()
endif()
string(RANDOM LENGTH 8 _tag)
set(_new "${PACKAGES}.${_tag}")
execute_process(
  COMMAND "${PYTHON}" -m pip install --quiet --disable-pip-version-check --no-compile --root-user-action=ignore
          --target "${_new}" --requirement "${REQUIREMENTS}"
  RESULT_VARIABLE _result)
if(NOT _result EQUAL 0)
  file(REMOVE_RECURSE "${_new}")
  message(FATAL_ERROR "pip could not install ${REQUIREMENTS}")
endif()
file(WRITE "${_new}/.complete" "")
file(REMOVE_RECURSE "${PACKAGES}")
file(RENAME "${_new}" "${PACKAGES}")
